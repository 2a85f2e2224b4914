/*
 * world.c - the lives of one store: each begins with a start, which must find
 * what the last one left, and ends by a cut of the power, by the death of all
 * processes, or in peace.
 */

#define _GNU_SOURCE
#include "sim.h"

#include "shared/segment.h"
#include "store/store.h"

#define WORKERS_MAX  4
#define LIVES_MAX    6
#define YIELDS_MAX   200000         /* of one life, about */

typedef struct {
    unsigned       workers;
    unsigned       deaths_mean;     /* yields, or steps; 0 = nobody dies */
    unsigned       stops_one_in;
    unsigned       dawdles_one_in;
    sim_faults_t   faults;          /* while it lives */
    bool           faults_at_start;
    uint64_t       ops;             /* of one life that ends in peace */
    fkv_options_t  options;
    uint64_t       cut_when_open;   /* so many yields later */
    uint64_t       kill_when_open;
    bool           last;
    bool           over;            /* it does not open any more */
} world_t;

static world_t  world;


static uint64_t
any_of(unsigned n, const uint64_t *values)
{
    return values[sim_below(n)];
}


#define ANY_OF(...)                                                           \
    any_of(sizeof((uint64_t[]) { __VA_ARGS__ }) / sizeof(uint64_t),           \
           (uint64_t[]) { __VA_ARGS__ })


static void
plan_death(void)
{
    sim_plan.death = SIM_FOREVER;
    sim_plan.death_at_step = sim_chance(2);

    if (world.deaths_mean != 0) {
        sim_plan.death = 1 + sim_below(2 * world.deaths_mean
                                       / (sim_plan.death_at_step ? 8 : 1) + 1);
    }
}


static sim_proc_t *
proc_start(fkv_t *store, const char *name, void *(*body)(void *proc))
{
    sim_proc_t  *proc = sim_proc_new(name);

    proc->store = sim_fork(store);
    (void) sim_spawn(proc, body, proc);

    return proc;
}


/* Nobody is there any more: nothing may be anybody's. */
static void
check_nothing_left(fkv_t *store)
{
    fkv__segment_shm_t  *seg = store->seg;

    if (seg->gate.owner != 0 || seg->log.leader != 0 || seg->state.helper != 0)
    {
        sim_fail("left behind: gate %u, leader %u, helper %u", seg->gate.owner,
                 seg->log.leader, seg->state.helper);
    }

    for (unsigned i = 0; i < FKV__LATCHES; i++) {
        if (fkv__segment_latches(seg)[i] != 0) {
            sim_fail("latch %u is left to slot %u", i,
                     fkv__segment_latches(seg)[i] - 1);
        }
    }

    for (unsigned i = 0; i < FKV__SLOTS_MAX; i++) {
        const fkv__slot_shm_t  *slot = &seg->slots[i];

        if (slot->state != FKV__SLOT_FREE || slot->pin != 0
            || slot->snapshot != 0 || slot->reading != 0)
        {
            sim_fail("slot %u is left: state %u, pin %llu, snapshot %llu, "
                     "epoch %llu", i, slot->state,
                     (unsigned long long) slot->pin,
                     (unsigned long long) slot->snapshot,
                     (unsigned long long) slot->reading);
        }
    }

    for (unsigned i = 0; i < FKV__ARENAS; i++) {
        if ((seg->arenas[i].state & 0xff) == FKV__ARENA_CLAIMED) {
            sim_fail("arena %u is left claimed", i);
        }
    }
}


static void
check_writable(fkv_t *store)
{
    fkv_stats_t  stats;

    fkv_stats(store, &stats);

    if (stats.readonly && !sim_allowed(FKV_EREADONLY)) {
        sim_fail("the store is read-only: %s", stats.cause);
    }
}


static void
figures_add(fkv_t *store)
{
    fkv_stats_t  stats;

    fkv_stats(store, &stats);
    sim_figures->flushes += stats.flushes;
    sim_figures->compactions += stats.compactions;
    sim_figures->evicted += stats.evicted;
}


static void
has_left(const sim_proc_t *proc)
{
    while (proc->alive) {
        sim_sleep(5 * SIM_MS);
    }
}


/*
 * Asks all to leave, the helper when the others have left and what the dead
 * had begun is over: long enough for it to look at every slot.
 */
static void
everybody_leaves(fkv_t *store, sim_proc_t **procs, unsigned n)
{
    sim_plan.death = SIM_FOREVER;
    sim_plan.stops_one_in = 0;
    sim_load.dawdles_one_in = 0;

    for (unsigned i = 0; i < n; i++) {
        if (!procs[i]->alive) {
            procs[i] = proc_start(store, "late",
                                  (i == 0) ? sim_helper : sim_worker);
        }
    }

    for (unsigned i = 1; i < n; i++) {
        sim_sleep(sim_any_below(SIM_SECOND));
        procs[i]->stop = true;
    }

    for (unsigned i = 1; i < n; i++) {
        has_left(procs[i]);
    }

    while (sim_io_orphans() || sim_copy_busy()) {
        sim_sleep(100 * SIM_MS);
    }

    sim_sleep(SIM_SECOND);
    procs[0]->stop = true;
    has_left(procs[0]);
}


/*
 * Faults during a start may make it fail; without them it succeeds, and all is
 * there.
 */
static fkv_t *
start(void)
{
    fkv_t  *store, *twin;
    char    error[FKV_ERROR_BYTES];
    int     rc = FKV_EIO;

    sim_faults = (sim_faults_t) { .ordered = world.faults.ordered };

    if (world.faults_at_start) {
        sim_faults.error_one_in = world.faults.error_one_in;
        sim_faults.full = world.faults.full;
        rc = fkv_open(&store, &world.options, &sim_log, error);
        sim_faults.error_one_in = 0;
    }

    if (rc == FKV_EIO || rc == FKV_EFULL) {
        rc = fkv_open(&store, &world.options, &sim_log, error);
    }

    if (rc != FKV_OK && sim_allowed(rc) && sim_misdirected()) {
        sim_say("the store does not open: %s", error);
        world.over = true;
        sim_done();
    }

    if (rc != FKV_OK) {
        sim_fail("the store does not open: %s", error);
    }

    sim_say("open");
    fkv_merge_set(store, &sim_merge, NULL);
    sim_plan.cut = fkv__min(sim_plan.cut, world.cut_when_open);
    sim_plan.kill_all = fkv__min(sim_plan.kill_all, world.kill_when_open);
    twin = sim_fork(store);
    sim_verify(twin);
    fkv__twin_free(twin);

    if (sim_chance(3)) {
        sim_copies_after_start(store);
    }

    return store;
}


static void *
master(void *data)
{
    sim_proc_t  *procs[WORKERS_MAX + 1], *self = data;
    uint64_t     respawn[WORKERS_MAX + 1] = { 0 };
    unsigned     n = world.workers + 1;
    uint64_t     begun = sim_figures->acked, yields = sim_figures->yields;
    fkv_t       *store;

    store = start();
    self->store = store;
    check_writable(store);

    if (world.last) {
        fkv_close(store);
        sim_done();
    }

    plan_death();
    sim_faults = world.faults;

    for (unsigned i = 0; i < n; i++) {
        procs[i] = (i == 0) ? proc_start(store, "helper", sim_helper)
                            : proc_start(store, "worker", sim_worker);
    }

    while (sim_figures->acked - begun < world.ops
           && sim_figures->yields - yields < YIELDS_MAX
           && !store->seg->state.readonly)
    {
        sim_sleep(2 * SIM_MS);

        for (unsigned i = 0; i < n; i++) {
            if (procs[i]->alive) {
                respawn[i] = 0;

            } else if (respawn[i] == 0) {
                respawn[i] = sim_now_us() + sim_any_below(2 * SIM_SECOND);

            } else if (respawn[i] <= sim_now_us()) {
                procs[i] = (i == 0)
                           ? proc_start(store, "helper", sim_helper)
                           : proc_start(store, "worker", sim_worker);
            }
        }

        if (sim_plan.death == 0) {
            plan_death();
        }

        if (sim_chance(500)) {
            sim_step_wall((int64_t) sim_below(8 * 3600) * (int64_t) SIM_SECOND
                          - 4 * 3600 * (int64_t) SIM_SECOND);
            sim_say("the wall steps");
        }
    }

    sim_faults.error_one_in = 0;
    check_writable(store);
    everybody_leaves(store, procs, n);
    figures_add(store);
    check_nothing_left(store);
    sim_check_history();
    fkv_close(store);
    sim_done();

    return NULL;
}


static void
world_plan(void)
{
    sim_load = (sim_load_t) {
        .depth = (unsigned) ANY_OF(1, 2, 4, 16, 64),
        .value_scale = (unsigned) ANY_OF(64, 1000, 8000, 30000, 60000),
        .keys = (unsigned) ANY_OF(3, 12, SIM_KEYS, SIM_KEYS),
        .sync = (fkv_sync_e) ANY_OF(FKV_SYNC_ALWAYS, FKV_SYNC_ALWAYS,
                                    FKV_SYNC_ALWAYS, FKV_SYNC_EVERYSEC,
                                    FKV_SYNC_OFF),
        .uploads_one_in = (unsigned) ANY_OF(0, 10, 100)
    };

    world = (world_t) {
        .workers = 1 + (unsigned) sim_below(WORKERS_MAX),
        .deaths_mean = (unsigned) ANY_OF(0, 500, 5000, 50000),
        .dawdles_one_in = (unsigned) ANY_OF(0, 30, 300),
        .ops = ANY_OF(50, 200, 1000),
        .options = {
            .path = "/store",
            .checkpoints = "/checkpoints",
            .blob_min = ANY_OF(0, 0, 4096),
            .memory = FKV_MEMORY_MIN,
            .sync = sim_load.sync,
            .compression = (fkv_compression_e) sim_below(3),
            .index = (fkv_index_e) sim_below(3),
            .compaction = (fkv_compaction_e) sim_below(3),
            .uid = (uid_t) -1,
            .gid = (gid_t) -1,
            .fs = &sim_fs,
            .io = &sim_io
        }
    };

    if (sim_chance(6)) {
        world.options.max_size = ANY_OF(1, 2) << 20;
        world.options.evict = (fkv_evict_e) sim_below(5);
        sim_load.bounded = true;
        sim_load.evicts = (world.options.evict != FKV_EVICT_NONE);
        sim_load.keys = SIM_KEYS;
        sim_load.uploads_one_in = 3;
    }

    /* So much that arenas are used again, under who looks at them. */

    if (sim_chance(6)) {
        sim_load.value_scale = 60000;
        sim_load.keys = 12;
        sim_load.depth = 16;
        world.dawdles_one_in = 100;
        world.options.blob_min = 0;
        world.ops = 3000;
    }

    world.faults.ordered = sim_chance(2);
    world.faults.short_one_in = (unsigned) ANY_OF(0, 0, 20);

    if (sim_chance(4)) {
        world.faults.error_one_in = (unsigned) ANY_OF(100, 1000, 10000);
        world.faults.full = sim_chance(2);
        world.faults_at_start = sim_chance(2);

    } else if (sim_chance(8)) {
        world.faults.misdirected_one_in = (unsigned) ANY_OF(30, 300, 3000);
    }

    sim_strict = (world.faults.error_one_in == 0);
    sim_plan.blocks_max = (unsigned) ANY_OF(0, 20, 300, 3000);
    world.stops_one_in = (unsigned) ANY_OF(0, 500, 5000);
}


/* A life that does not end in peace. */
static void
plan_end(void)
{
    switch (sim_below(5)) {

    case 0:
        sim_plan.kill_all = sim_any_below(100000);
        return;

    case 1:
        world.kill_when_open = sim_any_below(5000);
        return;

    case 2:
        world.cut_when_open = sim_any_below(5000);
        return;

    case 3:
        sim_plan.cut = sim_any_below(100000);
        return;
    }

    sim_plan.cut_soon = sim_any_below(1000);
}


static void
life(void)
{
    sim_proc_t  *self = sim_proc_new("master");
    sim_end_e    end;

    sim_immortal(self, true);
    sim_work_begin();
    sim_copies_begin();
    sim_plan.cut = SIM_FOREVER;
    sim_plan.kill_all = SIM_FOREVER;
    sim_plan.death = SIM_FOREVER;
    sim_plan.cut_soon = 0;
    sim_plan.stops_one_in = world.stops_one_in;
    sim_load.dawdles_one_in = world.dawdles_one_in;
    world.cut_when_open = SIM_FOREVER;
    world.kill_when_open = SIM_FOREVER;

    if (!world.last && !sim_chance(3)) {
        plan_end();
    }

    (void) sim_spawn(self, master, self);
    end = sim_run();
    sim_figures->lives++;

    switch (end) {

    case SIM_END_CUT:
        sim_say("the power is cut");
        sim_figures->cuts++;
        sim_io_cut();
        sim_files_cut();
        sim_disk_cut();
        break;

    case SIM_END_KILLED:
        sim_say("all are killed");
        sim_figures->kills++;
        sim_io_died(NULL);
        sim_files_close_all(NULL);
        break;

    case SIM_END_DONE:
    case SIM_END_NONE:
        break;
    }

    sim_events_end();
    sim_pass(sim_any_below(sim_chance(2) ? 100 * SIM_SECOND : 10 * SIM_MS));
}


void
sim_world(uint64_t seed)
{
    unsigned  lives;

    sim_begin(seed);
    sim_model_begin();
    sim_disk_begin();
    world_plan();
    lives = 1 + (unsigned) sim_below(LIVES_MAX);

    sim_say("seed %llu: %u workers, %u deep, values to %u, %u keys, sync %d, "
            "%u lives, deaths %u, blocks %u", (unsigned long long) seed,
            world.workers, sim_load.depth, sim_load.value_scale, sim_load.keys,
            sim_load.sync, lives, world.deaths_mean, sim_plan.blocks_max);

    for (unsigned i = 0; i < lives && !world.over; i++) {
        life();
    }

    world.last = true;

    if (!world.over) {
        life();
    }
}

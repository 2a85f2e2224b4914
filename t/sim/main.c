/*
 * main.c - seeds, each in a child: what one breaks or leaves behind does not
 * reach the next.
 *
 * FKV_SEED=     the first seed (default: from the clock); the others follow
 * FKV_SECONDS=  how long (10)
 * SIM_SEEDS=    how many; SIM_SAY=1 tells what happens, SIM_STEPS=1 each step,
 * SIM_ABORT=1 leaves a core
 *
 * Each hundredth seed, and the first, runs twice and must make the same trace.
 */

#define _GNU_SOURCE
#include "sim.h"

#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS        10
#define SEED_SECONDS   120          /* one that takes longer hangs */
#define AGAIN_ONE_IN   20

sim_figures_t  *sim_figures;


static uint64_t
setting(const char *name, uint64_t otherwise)
{
    const char  *text = getenv(name);

    return (text != NULL && text[0] != '\0') ? strtoull(text, NULL, 10)
                                             : otherwise;
}


static bool
run(uint64_t seed)
{
    pid_t  pid;
    int    status;

    memset(sim_figures, 0, sizeof(*sim_figures));
    (void) fflush(stdout);
    pid = fork();

    if (pid == 0) {
        /* Of the processor: others may need it more. */
        (void) setitimer(ITIMER_PROF, &(struct itimerval) {
                             .it_value.tv_sec = SEED_SECONDS }, NULL);
        sim_world(seed);
        (void) fflush(stdout);
        _exit(0);
    }

    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        printf("# fork failed\n");
        return false;
    }

    if (status != 0) {
        printf("# seed %llu failed, %s %d; again: FKV_SEED=%llu SIM_SEEDS=1 "
               "SIM_SAY=1\n", (unsigned long long) seed,
               WIFSIGNALED(status) ? "signal" : "status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
               (unsigned long long) seed);
    }

    return status == 0;
}


static void
add(sim_figures_t *sum)
{
    uint64_t        *to = (uint64_t *) (void *) sum;
    const uint64_t  *from = (const uint64_t *) (const void *) sim_figures;

    for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++) {
        to[i] += from[i];
    }
}


static void
tell(const sim_figures_t *sum, uint64_t seeds, uint64_t first)
{
#define FIGURE(name)  (unsigned long long) sum->name
    printf("# %llu seeds from %llu: %llu lives, %llu power cuts, %llu deaths, "
           "%llu kills of all, %llu faults, %llu writes gone elsewhere, %llu "
           "answers of damage, %llu jobs, %llu sectors lost, %llu writes, "
           "%llu acknowledged, %llu reads, %llu checks, %llu operands met, "
           "%llu elements, %llu uploads, %llu large values streamed, %llu "
           "keys evicted, %llu checkpoints opened, %llu flushes, %llu "
           "compactions, %llu yields, %llu switches\n",
           (unsigned long long) seeds, (unsigned long long) first,
           FIGURE(lives), FIGURE(cuts), FIGURE(deaths), FIGURE(kills),
           FIGURE(faults), FIGURE(misdirected), FIGURE(corrupt), FIGURE(jobs),
           FIGURE(lost_sectors), FIGURE(writes), FIGURE(acked),
           FIGURE(reads), FIGURE(checks), FIGURE(operands), FIGURE(elements),
           FIGURE(uploads), FIGURE(streams), FIGURE(evicted), FIGURE(copies),
           FIGURE(flushes), FIGURE(compactions), FIGURE(yields),
           FIGURE(switches));
#undef FIGURE
}


int
main(void)
{
    uint64_t       first = setting("FKV_SEED", (uint64_t) time(NULL));
    uint64_t       most = setting("SIM_SEEDS", UINT64_MAX), seed, failed = 0;
    time_t         until = time(NULL)
                           + (time_t) setting("FKV_SECONDS", SECONDS);
    uint64_t       other = 0;
    sim_figures_t  sum = { 0 };

    sim_figures = mmap(NULL, sizeof(*sim_figures), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (sim_figures == MAP_FAILED) {
        perror("mmap");
        return 1;
    }

    printf("1..2\n# FKV_SEED=%llu\n", (unsigned long long) first);

    for (seed = first; seed - first < most && (seed == first
                                               || time(NULL) < until); seed++)
    {
        uint64_t  hash;

        if (!run(seed)) {
            failed++;
            continue;
        }

        add(&sum);
        hash = sim_figures->hash;

        if (getenv("SIM_SAY") != NULL) {
            printf("# seed %llu: trace %016llx\n", (unsigned long long) seed,
                   (unsigned long long) hash);
        }

        if ((seed - first) % AGAIN_ONE_IN == 0
            && (!run(seed) || sim_figures->hash != hash))
        {
            printf("# seed %llu is not the same the second time\n",
                   (unsigned long long) seed);
            other++;
        }
    }

    printf("%sok 1 - nothing is lost, whatever happens\n",
           failed > 0 ? "not " : "");
    printf("%sok 2 - a seed makes the same trace each time\n",
           other > 0 ? "not " : "");
    tell(&sum, seed - first, first);

    return (failed > 0 || other > 0) ? 1 : 0;
}

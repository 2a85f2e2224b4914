#include "extensions/install.h"
#include "extensions/answer.h"
#include "extensions/host.h"
#include "extensions/set.h"
#include "commands/text.h"
#include "commands/txn.h"

#include <stdio.h>
#include <string.h>

#define RETRY_MS   1000         /* what cannot be done now is tried again */
#define IDLE_MS    1000         /* on_turn() comes first */
#define CLAIM      0x65787465   /* the number of the claim */

#define PASSED_OVER  "passed over "


static fkv_str_t
str_of(const char *text)
{
    return (fkv_str_t) { (const uint8_t *) text, strlen(text) };
}


static unsigned
loaded_n(const fkv_installer_t *installer)
{
    return (installer->catalog->loaded != NULL)
           ? installer->catalog->loaded->n : 0;
}


int
fkv_installer_init(fkv_installer_t *installer)
{
    unsigned  n = loaded_n(installer);

    installer->turns = fkv__zalloc((n + 1) * sizeof(*installer->turns));

    if (installer->turns == NULL) {
        return FKV_ENOMEM;
    }

    for (unsigned i = 0; i < n; i++) {

        unsigned  workers = installer->catalog->loaded->list[i]->workers_n;

        installer->turns[i].due_ms = fkv__zalloc((workers + 1)
                                                 * sizeof(uint64_t));

        if (installer->turns[i].due_ms == NULL) {
            fkv_installer_done(installer);
            return FKV_ENOMEM;
        }
    }

    installer->claim = (fkv_claim_t) { .store = installer->catalog->store,
                                       .id = CLAIM, .wait = true };

    return FKV_OK;
}


/* The store is still attached, or what is in flight has ended with it. */
void
fkv_installer_done(fkv_installer_t *installer)
{
    for (unsigned i = 0; installer->turns != NULL && i < loaded_n(installer);
         i++)
    {
        fkv__free(installer->turns[i].due_ms);
    }

    fkv__free(installer->turns);
    installer->turns = NULL;
    fkv_drop_done(&installer->drop);
}


/* Some time has passed before the next turn. */
static void
ended(fkv_installer_t *installer)
{
    installer->busy = false;

    if (installer->on_turn != NULL) {
        installer->on_turn(installer);
    }
}


static void
failed(fkv_installer_t *installer, const char *what, const char *why)
{
    installer->retry_ms = fkv_now_ms(installer->catalog->store) + RETRY_MS;

    if (!installer->told) {
        installer->told = true;
        fkv__log(installer->catalog->log, FKV_LOG_ERROR, "%s in store \"%s\" "
                 "has failed, it is tried again: %s", what,
                 installer->catalog->name, why);
    }
}


/* The function of every piece: a record is edited. */
static int
piece_call(fkv_call_t *call)
{
    fkv_installer_t  *installer = fkv__container(call->command,
                                                 fkv_installer_t, command);
    fkv_edit_t        edit;
    int               rc;

    installer->changes = false;
    installer->again = false;
    installer->refused = false;

    rc = fkv_edit_begin(call, &edit, call->argv[0]);

    if (rc == FKV_OK) {
        rc = installer->piece(installer, call, &edit);
    }

    if (rc == FKV_OK && installer->changes) {
        rc = fkv_edit_put(call, &edit);
    }

    fkv_edit_done(&edit);

    if (rc == FKV_OK) {
        fkv_reply_cut(call->reply, 0);
        fkv_reply_ok(call->reply);
    }

    return rc;
}


static void
piece_problem(fkv_installer_t *installer, fkv_str_t text)
{
    size_t  len = fkv__min(text.len, sizeof(installer->problem) - 1);

    memcpy(installer->problem, text.data, len);
    installer->problem[len] = '\0';
}


static fkv_install_turn_t *
turn_of(fkv_installer_t *installer)
{
    return &installer->turns[installer->extension->index];
}


static void
piece_refused(fkv_installer_t *installer)
{
    const ferrokv_worker  *worker = installer->worker;

    fkv__log(installer->catalog->log, FKV_LOG_ERROR, "%s of extension \"%s\" "
             "in store \"%s\" has failed: %s",
             worker != NULL ? worker->name : "a step",
             installer->extension->name, installer->catalog->name,
             installer->problem);
}


static void
worker_done(fkv_installer_t *installer)
{
    const ferrokv_worker  *worker = installer->worker;
    fkv_install_turn_t    *turn = turn_of(installer);

    turn->due_ms[worker - installer->extension->workers] =
        fkv_now_ms(installer->catalog->store)
        + fkv__max(worker->every, (uint64_t) 1);
}


/* What else there is goes on; a worker has its turn again as ever. */
static void
piece_failed(fkv_installer_t *installer)
{
    if (!installer->refused) {
        failed(installer, "work for an extension", installer->problem);
        return;
    }

    piece_refused(installer);

    if (installer->worker != NULL) {
        worker_done(installer);

    } else {
        turn_of(installer)->tried = true;
        installer->note = true;
    }
}


static void
piece_ended(fkv_installer_t *installer)
{
    fkv_reply_token_t  token = { .type = FKV_REPLY_ERROR,
                                 .str = FKV_STR("out of memory") };
    size_t             at = 0;

    (void) fkv_reply_next(&installer->exec.reply, &at, &token);

    if (token.type == FKV_REPLY_ERROR) {
        piece_problem(installer, token.str);
        piece_failed(installer);

    } else {
        if (installer->changes) {
            FKV_STEP("install.2");
        }

        installer->dirty |= installer->changes;
        installer->told = false;

        if (installer->worker != NULL && !installer->again) {
            worker_done(installer);
        }
    }

    fkv_exec_done(&installer->exec);
}


static void
on_exec_done(fkv_op_t *op)
{
    fkv_installer_t  *installer = op->data;

    piece_ended(installer);
    ended(installer);
}


/* FKV_OK it has ended · FKV_AGAIN */
static int
piece_begin(fkv_installer_t *installer, fkv_str_t name,
    fkv_install_piece_pt piece)
{
    installer->piece = piece;
    installer->argv = name;

    installer->command = (fkv_command_t) {
        .name = "FERROKV.EXTENSION",
        .arity = 1,
        .flags = FKV_COMMAND_WRITE | FKV_COMMAND_ELEMENTS
                 | FKV_COMMAND_UNSEEN,
        .call = piece_call
    };

    installer->request = (fkv_request_t) {
        .argv = &installer->argv,
        .argc = 1,
        .command = &installer->command
    };

    installer->exec = (fkv_exec_t) {
        .op = { .on_done = on_exec_done, .data = installer },
        .store = installer->catalog->store,
        .rights = FKV_COMMAND_WRITE | FKV_COMMAND_ADMIN,
        .requests = &installer->request,
        .n = 1
    };

    installer->busy = true;

    if (fkv_exec(&installer->exec) == FKV_AGAIN) {
        return FKV_AGAIN;
    }

    installer->busy = false;
    piece_ended(installer);

    return FKV_OK;
}


static int
piece_install(fkv_installer_t *installer, fkv_call_t *call, fkv_edit_t *edit)
{
    const fkv_extension_t  *extension = installer->extension;
    int                     rc;

    if (edit->found) {
        installer->changes = true;      /* by another one: it is to be read */
        return FKV_OK;
    }

    edit->in.state = (extension->schema > 0) ? FKV_INSTALLING
                                             : FKV_INSTALLED;
    rc = fkv_installed_take(&edit->in, extension, &edit->next);

    if (rc == FKV_EFULL) {
        return fkv_call_fail(call, "ERR all ids of types are given out");
    }

    installer->changes = true;

    return rc;
}


/* A library that needs no step, or a step that has ended. */
static int
piece_record(fkv_installer_t *installer, fkv_call_t *call, fkv_edit_t *edit)
{
    fkv_installed_t  *in = &edit->in;

    (void) call;

    if (!edit->found || in->state == FKV_DROPPING
        || in->schema != installer->extension->schema)
    {
        return FKV_OK;
    }

    in->state = FKV_INSTALLED;
    in->cursor = 0;
    in->problem = FKV_STR_NULL;
    installer->changes = true;

    return fkv_installed_take(in, installer->extension, &edit->next);
}


/* update=auto: types that are new have their ids before a step needs them. */
static int
piece_update(fkv_installer_t *installer, fkv_call_t *call, fkv_edit_t *edit)
{
    (void) call;

    if (!edit->found || edit->in.state != FKV_INSTALLED) {
        return FKV_OK;
    }

    edit->in.state = FKV_UPDATING;
    edit->in.cursor = 0;
    edit->in.problem = FKV_STR_NULL;
    installer->changes = true;

    return fkv_installed_take(&edit->in, installer->extension, &edit->next);
}


static int
run_step(fkv_host_t *host, void *data)
{
    const ferrokv_step  *step = data;

    return step->run(&host->ctx);
}


static int
run_worker(fkv_host_t *host, void *data)
{
    const ferrokv_worker  *worker = data;

    return worker->run(&host->ctx);
}


/* Is that why it has failed? */
static bool
damaged(const fkv_host_t *host)
{
    return host->damaged_n > 0 && host->rc == FKV_OK && host->failed == 0;
}


static int
stopped_at(const fkv_host_t *host)
{
    char  key[FKV_TEXT_KEY_BYTES];

    (void) fkv_text_key(key, host->damaged);
    fkv_reply_cut(host->call->reply, 0);

    return fkv_call_fail(host->call, "ERR the value of key \"%s\" cannot be "
                         "read", key);
}


/* What a step could not read, and goes on without. */
static void
passed_over(fkv_installer_t *installer, const fkv_host_t *host)
{
    char  key[FKV_TEXT_KEY_BYTES];

    if (host->damaged_n == 0) {
        return;
    }

    (void) fkv_text_key(key, host->damaged);
    (void) snprintf(installer->passed, sizeof(installer->passed),
                    PASSED_OVER "the value of key \"%s\"%s, it cannot be read",
                    key, host->damaged_n > 1 ? " and others" : "");
    fkv__log(installer->catalog->log, FKV_LOG_ERROR, "a step of extension "
             "\"%s\" in store \"%s\" has %s", installer->extension->name,
             installer->catalog->name, installer->passed);
}


/* The first one stays until somebody says UPDATE again. */
static void
step_problem(fkv_installer_t *installer, fkv_installed_t *in)
{
    static const char  passed[] = PASSED_OVER;
    size_t             len = sizeof(passed) - 1;

    if (in->problem.len >= len && memcmp(in->problem.data, passed, len) == 0) {
        return;
    }

    in->problem = str_of(installer->passed);
}


/* FKV_OK installer->again says how · FKV_AGAIN · FKV_EINVAL, replied · ... */
static int
function_run(fkv_installer_t *installer, fkv_call_t *call, uint32_t place,
    uint64_t schema, fkv_host_pt run, const void *data)
{
    fkv_host_t  host;
    int         rc;

    fkv_host_init(&host, installer->extension, call, place,
                  &call->txn->run);
    host.ctx.schema = (uint32_t) schema;
    host.says = true;                   /* why it has failed */

    rc = fkv_host_run(&host, run, (void *) (uintptr_t) data);
    installer->passed[0] = '\0';

    if (host.rc != FKV_OK || host.failed != 0 || rc < 0) {
        installer->refused = (host.rc == FKV_OK || host.rc == FKV_EINVAL);
        return damaged(&host) ? stopped_at(&host) : fkv_answer(&host, rc);
    }

    installer->again = (rc == FERROKV_AGAIN);
    passed_over(installer, &host);

    return FKV_OK;
}


static int
piece_step(fkv_installer_t *installer, fkv_call_t *call, fkv_edit_t *edit)
{
    const fkv_extension_t  *extension = installer->extension;
    fkv_installed_t        *in = &edit->in;
    int                     rc;

    if (!edit->found || in->schema >= extension->schema
        || (in->state != FKV_INSTALLING && in->state != FKV_UPDATING))
    {
        installer->changes = edit->found;
        return FKV_OK;
    }

    rc = function_run(installer, call, FERROKV_IN_STEP, in->schema, run_step,
                      &extension->steps[in->schema]);

    if (rc != FKV_OK) {
        return rc;
    }

    FKV_STEP("install.1");
    installer->changes = true;
    step_problem(installer, in);
    in->cursor++;

    if (!installer->again) {
        in->cursor = 0;
        in->schema++;
    }

    if (in->schema < extension->schema) {
        return FKV_OK;
    }

    in->state = FKV_INSTALLED;

    return fkv_installed_take(in, extension, &edit->next);
}


static int
piece_note_problem(fkv_installer_t *installer, fkv_call_t *call,
    fkv_edit_t *edit)
{
    (void) call;

    if (edit->found) {
        edit->in.problem = str_of(installer->problem);
        installer->changes = true;
    }

    return FKV_OK;
}


/* Values are still there: it stays as it was. */
static int
piece_keep(fkv_installer_t *installer, fkv_call_t *call, fkv_edit_t *edit)
{
    (void) call;

    if (edit->found && edit->in.state == FKV_DROPPING) {
        edit->in.state = FKV_INSTALLED;
        edit->in.problem = str_of(installer->problem);
        installer->changes = true;
    }

    return FKV_OK;
}


/* From here on its hooks see no writes, until it is back. */
static int
piece_absent(fkv_installer_t *installer, fkv_call_t *call, fkv_edit_t *edit)
{
    if (edit->found && edit->in.absent == 0) {
        edit->in.absent = fkv__max(fkv_visible(call->store), (uint64_t) 1);
        installer->changes = true;
    }

    return FKV_OK;
}


static int
piece_work(fkv_installer_t *installer, fkv_call_t *call, fkv_edit_t *edit)
{
    if (!edit->found || edit->in.state == FKV_DROPPING) {
        return FKV_OK;
    }

    return function_run(installer, call, FERROKV_IN_HELPER, edit->in.schema,
                        run_worker, installer->worker);
}


static int
extension_begin(fkv_installer_t *installer, fkv_extension_t *extension,
    fkv_install_piece_pt piece)
{
    installer->extension = extension;
    installer->worker = NULL;

    return piece_begin(installer, str_of(extension->name), piece);
}


static void
step_waits(fkv_installer_t *installer, fkv_extension_t *extension,
    const char *what)
{
    fkv_install_turn_t  *turn = &installer->turns[extension->index];

    if (!turn->waits) {
        turn->waits = true;
        fkv__log(installer->catalog->log, FKV_LOG_NOTICE, "extension \"%s\" "
                 "in store \"%s\": a step waits for %s", extension->name,
                 installer->catalog->name, what);
    }
}


/* FKV_END it cannot begin now */
static int
step_begin(fkv_installer_t *installer, fkv_extension_t *extension,
    const fkv_installed_t *in)
{
    const fkv_roll_t    *roll = installer->catalog->roll;
    fkv_install_turn_t  *turn = &installer->turns[extension->index];

    if (in->problem.len > 0 && turn->tried) {
        return FKV_END;
    }

    /* once: what the pieces themselves change concerns nobody */
    turn->known = turn->known
                  || fkv_roll_all_read(roll,
                                installer->catalog->records.generation);

    if (!turn->known) {
        return FKV_END;
    }

    if ((extension->steps[in->schema].flags & FERROKV_EXCLUSIVE)
        && !fkv_roll_newest_only(roll))
    {
        step_waits(installer, extension, "the end of older workers");
        return FKV_END;
    }

    turn->waits = false;

    return extension_begin(installer, extension, piece_step);
}


static int
workers_begin(fkv_installer_t *installer, fkv_extension_t *extension,
    uint64_t now_ms)
{
    fkv_install_turn_t  *turn = &installer->turns[extension->index];

    for (unsigned i = 0; i < extension->workers_n; i++) {

        unsigned  at = (turn->next + i) % extension->workers_n;

        if (now_ms >= turn->due_ms[at]) {
            turn->next = at + 1;
            installer->extension = extension;
            installer->worker = &extension->workers[at];

            return piece_begin(installer, str_of(extension->name),
                               piece_work);
        }
    }

    return FKV_END;
}


/* FKV_END there is nothing to do for it now */
static int
loaded_begin(fkv_installer_t *installer, fkv_extension_t *extension,
    uint64_t now_ms)
{
    const fkv_catalog_t        *catalog = installer->catalog;
    const fkv_catalog_entry_t  *entry;
    const fkv_installed_t      *in;

    entry = fkv_catalog_find(catalog, str_of(extension->name));

    if (entry == NULL) {
        return (!extension->manual && fkv_extension_is_for(extension,
                                              str_of(catalog->name))
                && (extension->schema == 0 || installer->helper))
               ? extension_begin(installer, extension, piece_install)
               : FKV_END;
    }

    in = &entry->in;

    if (!installer->helper || entry->extension != extension
        || in->state == FKV_DROPPING || in->schema > extension->schema)
    {
        return FKV_END;
    }

    switch (in->state) {

    case FKV_INSTALLING:
    case FKV_UPDATING:
        return (in->schema < extension->schema)
               ? step_begin(installer, extension, in)
               : extension_begin(installer, extension, piece_record);

    case FKV_INSTALLED:
        installer->turns[extension->index].known = false;
        break;

    default:
        return FKV_END;
    }

    if (in->schema < extension->schema && extension->update) {
        return extension_begin(installer, extension, piece_update);
    }

    if (in->schema == extension->schema
        && entry->stands == FKV_STANDS_READY
        && !fkv_installed_same(in, extension))
    {
        return extension_begin(installer, extension, piece_record);
    }

    return (fkv_host_state(extension, catalog->store) == FKV_HOST_READY)
           ? workers_begin(installer, extension, now_ms) : FKV_END;
}


static void
drop_ended(fkv_installer_t *installer, int rc)
{
    fkv_drop_t  *drop = &installer->drop;

    if (rc == FKV_END) {
        return;
    }

    if (rc == FKV_OK) {
        fkv__log(installer->catalog->log, FKV_LOG_NOTICE, "extension \"%s\" "
                 "is dropped from store \"%s\", %llu values of its types were "
                 "deleted", drop->name, installer->catalog->name,
                 (unsigned long long) drop->deleted);
        installer->dirty = true;

    } else if (rc == FKV_EXISTS) {
        (void) snprintf(installer->problem, sizeof(installer->problem),
                        "DROP has found %s%llu values of its types: delete "
                        "them, or say CASCADE",
                        drop->found > FKV_DROP_FOUND_MAX ? "more than " : "",
                        (unsigned long long) fkv__min(drop->found,
                                            (uint64_t) FKV_DROP_FOUND_MAX));

    } else {
        failed(installer, "DROP of an extension", fkv_code_text(rc));
    }

    installer->keep = (rc == FKV_EXISTS);
    fkv_drop_done(drop);
    drop->store = NULL;
}


static void
on_drop_done(fkv_drop_t *drop, int rc)
{
    fkv_installer_t  *installer = drop->data;

    drop_ended(installer, rc);
    ended(installer);
}


/* FKV_OK a piece is done · FKV_AGAIN · FKV_END not now */
static int
drop_begin(fkv_installer_t *installer, const fkv_installed_t *in)
{
    fkv_catalog_t  *catalog = installer->catalog;
    fkv_drop_t     *drop = &installer->drop;
    int             rc;

    if (drop->store != NULL && !(strlen(drop->name) == in->name.len
        && memcmp(drop->name, in->name.data, in->name.len) == 0))
    {
        return FKV_END;                 /* one after the other */
    }

    if (installer->keep) {
        installer->keep = false;
        installer->worker = NULL;
        return piece_begin(installer, in->name, piece_keep);
    }

    if (drop->store == NULL) {

        if (!fkv_roll_all_read(catalog->roll, catalog->records.generation)) {
            return FKV_END;
        }

        memset(drop, 0, sizeof(*drop));
        drop->store = catalog->store;
        drop->on_done = on_drop_done;
        drop->data = installer;
        rc = fkv_drop_init(drop, in);

        if (rc != FKV_OK) {
            drop_ended(installer, rc);
            return FKV_OK;
        }
    }

    installer->busy = true;
    rc = fkv_drop(drop);

    if (rc == FKV_AGAIN) {
        return FKV_AGAIN;
    }

    installer->busy = false;
    drop_ended(installer, rc);

    return FKV_OK;
}


/* One line about each, once. */
static void
tell(fkv_installer_t *installer)
{
    const fkv_catalog_t  *catalog = installer->catalog;

    installer->listed = true;

    for (unsigned i = 0; i < catalog->records.n; i++) {

        const fkv_catalog_entry_t  *entry = &catalog->records.entries[i];
        const fkv_installed_t      *in = &entry->in;
        const char                 *what = "it works";
        fkv_log_level_e             level = FKV_LOG_NOTICE;

        if (entry->extension == NULL) {
            level = FKV_LOG_ERROR;
            what = "nginx.conf does not load it: its values are kept, and "
                   "cannot be read";

        } else if (entry->stands == FKV_STANDS_DORMANT) {
            level = FKV_LOG_ERROR;
            what = "the library that is loaded is older: its values are "
                   "kept, and cannot be read";

        } else if (entry->stands == FKV_STANDS_BEHIND) {
            level = FKV_LOG_WARN;
            what = "the library that is loaded needs FERROKV.EXTENSION UPDATE";

        } else if (in->absent != 0) {
            level = FKV_LOG_WARN;
            what = "while it was away its hooks saw no writes, what it knows "
                   "of keys may be out of date: LIST says since when, UPDATE "
                   "forgets it";

        } else if (entry->stands != FKV_STANDS_READY) {
            what = fkv_installed_text(in->state);
        }

        fkv__log(catalog->log, level, "extension \"%.*s\" %.*s, schema %llu, "
                 "is in store \"%s\": %s", (int) in->name.len,
                 (const char *) in->name.data, (int) in->version.len,
                 (const char *) in->version.data,
                 (unsigned long long) in->schema, catalog->name, what);
    }
}


/* Is it to be noted that its hooks see no writes? */
static bool
misses_writes(const fkv_catalog_entry_t *entry)
{
    const fkv_installed_t  *in = &entry->in;

    if (in->state != FKV_INSTALLED || in->absent != 0
        || (entry->extension != NULL && entry->stands != FKV_STANDS_DORMANT))
    {
        return false;
    }

    for (unsigned i = 0; i < in->defs_n; i++) {

        const fkv_installed_def_t  *def = &in->defs[i];

        if (def->kind == FERROKV_KIND_HOOK && def->event == FERROKV_ON_WRITE
            && def->phase == FERROKV_OBSERVE)
        {
            return true;
        }
    }

    return false;
}


/* Those that are loaded, then records: to be dropped, or of what is away. */
static int
one_begin(fkv_installer_t *installer, unsigned i, uint64_t now_ms)
{
    const fkv_catalog_t        *catalog = installer->catalog;
    unsigned                    n = loaded_n(installer);
    const fkv_catalog_entry_t  *entry;

    if (i < n) {
        return loaded_begin(installer, catalog->loaded->list[i], now_ms);
    }

    entry = &catalog->records.entries[i - n];

    if (installer->helper && misses_writes(entry)) {
        installer->worker = NULL;
        return piece_begin(installer, entry->in.name, piece_absent);
    }

    return (installer->helper && entry->in.state == FKV_DROPPING)
           ? drop_begin(installer, &entry->in) : FKV_END;
}


/* FKV_OK something was done · FKV_AGAIN · FKV_END there is nothing to do */
static int
next_begin(fkv_installer_t *installer, uint64_t now_ms)
{
    unsigned  n = loaded_n(installer) + installer->catalog->records.n;

    if (installer->note) {
        installer->note = false;
        return piece_begin(installer, str_of(installer->extension->name),
                           piece_note_problem);
    }

    for (unsigned i = 0; i < n; i++) {

        unsigned  at = (installer->at + i) % n;
        int       rc = one_begin(installer, at, now_ms);

        if (rc != FKV_END) {
            installer->at = at + 1;
            return rc;
        }
    }

    return FKV_END;
}


static void
on_renewed(fkv_renewal_t *renewal)
{
    ended(renewal->data);
}


/* As next_begin(). */
static int
renewal_begin(fkv_installer_t *installer)
{
    const fkv_catalog_t  *catalog = installer->catalog;
    fkv_renewal_t        *renewal = &installer->renewal;
    int                   rc;

    renewal->store = catalog->store;
    renewal->helper = (catalog->also != NULL) ? catalog->also : catalog->store;
    renewal->log = catalog->log;
    renewal->name = catalog->name;
    renewal->on_done = on_renewed;
    renewal->data = installer;

    installer->busy = true;
    rc = fkv_renewal(renewal);
    installer->busy = (rc == FKV_AGAIN);

    return rc;
}


static uint64_t
due_in(const fkv_installer_t *installer, uint64_t now_ms)
{
    uint64_t  ms = FKV_INSTALL_LOOK_MS;

    for (unsigned i = 0; i < loaded_n(installer); i++) {

        const fkv_extension_t  *extension = installer->catalog->loaded->list[i];

        for (unsigned j = 0; j < extension->workers_n; j++) {

            uint64_t  due = installer->turns[i].due_ms[j];

            if (due > now_ms) {
                ms = fkv__min(ms, due - now_ms);
            }
        }
    }

    return ms;
}


static void
on_claim_done(fkv_op_t *op)
{
    fkv_installer_t  *installer = op->data;

    installer->claiming = false;
    ended(installer);
}


/* Does this process do it all? */
static bool
claim_ours(fkv_installer_t *installer)
{
    int  rc;

    if (installer->claim.held) {
        return true;
    }

    if (installer->claiming) {
        return false;
    }

    installer->claim.op.on_done = on_claim_done;
    installer->claim.op.data = installer;
    rc = fkv_claim(&installer->claim);
    installer->claiming = (rc == FKV_AGAIN);

    return rc == FKV_OK;
}


/* Is there a newer catalog than ours? */
static void
look_ended(fkv_installer_t *installer, int rc)
{
    if (rc == FKV_OK
        && installer->look.value.version
           > installer->catalog->records.generation)
    {
        installer->dirty = true;
    }

    fkv_get_done(&installer->look);
}


static void
on_look_done(fkv_op_t *op)
{
    fkv_installer_t  *installer = op->data;

    look_ended(installer, op->rc);
    ended(installer);
}


static int
look_begin(fkv_installer_t *installer, uint64_t now_ms)
{
    int  rc;

    installer->looked_ms = now_ms;
    installer->look = (fkv_get_t) {
        .op = { .on_done = on_look_done, .data = installer },
        .store = installer->catalog->store,
        .ns = FKV_NAMESPACE_CATALOG,
        .key = FKV_STR(FKV_INSTALLED_HEAD),
        .now_ms = now_ms,
        .head = true,
        .quiet = true
    };

    installer->busy = true;
    rc = fkv_get(&installer->look);

    if (rc == FKV_AGAIN) {
        return FKV_AGAIN;
    }

    installer->busy = false;
    look_ended(installer, rc);

    return FKV_OK;
}


static void
on_catalog_read(fkv_catalog_t *catalog, int rc)
{
    fkv_installer_t  *installer = catalog->data;

    if (rc != FKV_OK) {
        installer->retry_ms = fkv_now_ms(catalog->store) + RETRY_MS;
    }

    ended(installer);
}


static int
read_begin(fkv_installer_t *installer)
{
    int  rc;

    installer->catalog->on_read = on_catalog_read;
    installer->catalog->data = installer;
    installer->dirty = false;
    installer->busy = true;
    rc = fkv_catalog_read(installer->catalog);

    if (rc == FKV_AGAIN) {
        return FKV_AGAIN;
    }

    installer->busy = false;

    if (rc != FKV_OK) {
        installer->dirty = true;
        installer->retry_ms = fkv_now_ms(installer->catalog->store) + RETRY_MS;
    }

    return FKV_OK;
}


uint64_t
fkv_installer_turn(fkv_installer_t *installer, uint64_t now_ms)
{
    int  rc;

    if (installer->busy) {
        return IDLE_MS;
    }

    if (now_ms < installer->retry_ms) {
        return installer->retry_ms - now_ms;
    }

    if (installer->dirty || fkv_catalog_stale(installer->catalog)) {
        rc = read_begin(installer);

    } else if (installer->helper
               && now_ms >= installer->looked_ms + FKV_INSTALL_LOOK_MS)
    {
        rc = look_begin(installer, now_ms);

    } else if (installer->helper && !claim_ours(installer)) {
        return FKV_INSTALL_LOOK_MS;

    } else {
        rc = next_begin(installer, now_ms);
        rc = (rc == FKV_END && installer->helper) ? renewal_begin(installer)
                                                  : rc;
    }

    installer->settled = (rc == FKV_END);

    if (rc == FKV_END) {

        if (installer->helper && !installer->listed) {
            tell(installer);
        }

        return due_in(installer, now_ms);
    }

    return (rc == FKV_AGAIN) ? IDLE_MS : 0;
}


bool
fkv_installer_settled(const fkv_installer_t *installer)
{
    return !installer->busy && installer->settled;
}

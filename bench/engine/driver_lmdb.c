/*
 * driver_lmdb.c - LMDB; a session is a thread, every write a transaction.
 */

#include "driver.h"

#include <lmdb.h>

#include <inttypes.h>
#include <stdlib.h>

#define FACTOR   8      /* address space, of what will be live */
#define READERS  512

typedef struct {
    MDB_env           *env;
    MDB_dbi            dbi;
    unsigned           flags;
    bench_settings_t   settings;
} bench_lmdb_t;

typedef struct {
    bench_lmdb_t  *lmdb;
    MDB_txn       *read;        /* reset between requests */
} session_t;


static void
check(int rc, const char *what)
{
    if (rc != 0) {
        bench_die("lmdb: %s: %s", what, mdb_strerror(rc));
    }
}


static void *
db_open(const bench_settings_t *settings)
{
    MDB_txn       *txn;
    bench_lmdb_t  *l = calloc(1, sizeof(*l));
    size_t         map = settings->data * FACTOR + ((size_t) 4 << 30);

    if (l == NULL) {
        bench_die("out of memory");
    }

    l->settings = *settings;
    l->flags = MDB_NOTLS | (settings->sync ? 0 : MDB_NOSYNC)
               | (settings->bounded ? MDB_NORDAHEAD : 0);

    check(mdb_env_create(&l->env), "create");
    check(mdb_env_set_mapsize(l->env, map), "mapsize");
    check(mdb_env_set_maxreaders(l->env, READERS), "maxreaders");
    check(mdb_env_open(l->env, settings->dir, l->flags, 0600), "open");
    check(mdb_txn_begin(l->env, NULL, 0, &txn), "begin");
    check(mdb_dbi_open(txn, NULL, MDB_CREATE, &l->dbi), "dbi");
    check(mdb_txn_commit(txn), "commit");

    return l;
}


static void *
db_session(void *store)
{
    session_t  *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        bench_die("out of memory");
    }

    s->lmdb = store;
    check(mdb_txn_begin(s->lmdb->env, NULL, MDB_RDONLY, &s->read), "begin");
    mdb_txn_reset(s->read);

    return s;
}


static void
db_get(session_t *s, MDB_txn *txn, bench_request_t *request)
{
    MDB_val  key = { BENCH_KEY_BYTES, request->key };
    MDB_val  value;
    int      rc = mdb_get(txn, s->lmdb->dbi, &key, &value);

    if (rc == 0) {
        bench_check(&s->lmdb->settings, request->key, BENCH_KEY_BYTES,
                    value.mv_data, value.mv_size);
        request->found = 1;

    } else if (rc != MDB_NOTFOUND) {
        check(rc, "get");
    }
}


static void
db_read(session_t *s, bench_request_t *request)
{
    check(mdb_txn_renew(s->read), "renew");
    db_get(s, s->read, request);
    mdb_txn_reset(s->read);
}


static void
db_write(session_t *s, bench_request_t *request)
{
    int       rc = 0;
    MDB_txn  *txn;
    MDB_val   key = { BENCH_KEY_BYTES, request->key };
    MDB_val   value = { request->value_len, (void *) request->value };

    check(mdb_txn_begin(s->lmdb->env, NULL, 0, &txn), "begin");

    if (request->kind == BENCH_CHANGE) {
        db_get(s, txn, request);
    }

    if (request->kind == BENCH_DELETE) {
        rc = mdb_del(txn, s->lmdb->dbi, &key, NULL);
        rc = (rc == MDB_NOTFOUND) ? 0 : rc;

    } else {
        rc = mdb_put(txn, s->lmdb->dbi, &key, &value, 0);
    }

    check(rc, "write");
    check(mdb_txn_commit(txn), "commit");
}


static void
db_scan(session_t *s, bench_request_t *request)
{
    int          rc;
    MDB_val      key = { BENCH_KEY_BYTES, request->key };
    MDB_val      value;
    MDB_cursor  *cursor;

    check(mdb_txn_renew(s->read), "renew");
    check(mdb_cursor_open(s->read, s->lmdb->dbi, &cursor), "cursor");

    rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);

    while (rc == 0) {
        bench_check(&s->lmdb->settings, key.mv_data, key.mv_size,
                    value.mv_data, value.mv_size);

        if (++request->found == request->limit) {
            break;
        }

        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }

    check(rc == MDB_NOTFOUND ? 0 : rc, "scan");
    mdb_cursor_close(cursor);
    mdb_txn_reset(s->read);
}


static bool
db_start(void *session, bench_request_t *request)
{
    request->found = 0;

    switch (request->kind) {
    case BENCH_GET:     db_read(session, request);   break;
    case BENCH_SCAN:    db_scan(session, request);   break;
    case BENCH_PUT:
    case BENCH_DELETE:
    case BENCH_CHANGE:  db_write(session, request);  break;
    case BENCH_KINDS:                                break;
    }

    return true;
}


static void
db_session_end(void *session)
{
    session_t  *s = session;

    mdb_txn_abort(s->read);
    free(s);
}


static void
db_close(void *store)
{
    bench_lmdb_t  *l = store;

    mdb_env_close(l->env);
    free(l);
}


static void
db_describe(void *store, FILE *out)
{
    bench_lmdb_t  *l = store;

    fprintf(out, "%s%s, no cache of its own (the page cache, unbounded), no "
            "compression, no filter, no direct I/O",
            l->settings.sync ? "synced commits" : "MDB_NOSYNC",
            l->settings.bounded ? ", MDB_NORDAHEAD" : "");
}


const bench_driver_t  bench_driver_lmdb = {
    .name = "lmdb",
    .open = db_open,
    .session = db_session,
    .start = db_start,
    .session_end = db_session_end,
    .close = db_close,
    .describe = db_describe,
};

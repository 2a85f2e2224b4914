/*
 * server.h - what commands learn of the host they run in, and ask of it.
 *
 * A server is a store as a listener or a location shows it.  Whoever makes one
 * fills it in and keeps it as long as commands run; it is private to its
 * process, and what is shared lies behind meter and store.
 */

#ifndef FKV_COMMANDS_SERVER_H
#define FKV_COMMANDS_SERVER_H

#include "fkv.h"
#include "commands/call.h"
#include "commands/meter.h"
#include "commands/text.h"

#define FKV_SERVER_VERSION  "7.0.15"    /* of Redis: what clients go by */

struct fkv_server_s {
    fkv_t                *store;
    fkv_meter_t          *meter;        /* attached */
    const fkv_options_t  *options;      /* of the store, as configured */
    const char           *name;         /* of the store; NUL-terminated, as
                                           all of these */
    const char           *version;      /* of ngx_ferrokv */
    const char           *host;         /* "nginx 1.22.1" */
    const char           *executable;
    const char           *config;       /* file */
    unsigned              port;         /* of the listener; 0 = there is none */
    unsigned              processes;    /* that answer commands: workers */
    unsigned              clients_max;  /* connections that they may have */
    uint64_t              output_max;   /* bytes kept for a client that does
                                           not read; 0 = no bound */
    bool                  password;     /* one is asked for */

    /* Adds lines about extensions; NULL: there are none. */
    void                (*modules)(fkv_text_t *text, const fkv_t *store,
                              const char *eol);

    /*
     * Calls on_over(data) once, after so long, and not before it returns, but
     * not if that is canceled before with what pause has returned.  NULL: it
     * never will.  pause NULL: there are no timers.
     */
    void               *(*pause)(uint64_t ms, void (*on_over)(void *data),
                              void *data);
    void                (*unpause)(void *pause);
};


/* The name that users know for a policy of eviction: "allkeys-lru". */
const char *fkv_server_policy(fkv_evict_e evict);

/* Up to when all that was answered is on disk whatever happens; 1970. */
uint64_t fkv_server_saved_ms(const fkv_call_t *call, const fkv_stats_t *stats);


#endif /* FKV_COMMANDS_SERVER_H */

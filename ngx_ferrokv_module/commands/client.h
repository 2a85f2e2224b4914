/*
 * client.h - what commands know of the connection they come from, and change
 * of it.
 *
 * A client is the session's (session.h); whoever holds the connection fills in
 * what is his, and answers for other connections, which may be those of other
 * processes.
 */

#ifndef FKV_COMMANDS_CLIENT_H
#define FKV_COMMANDS_CLIENT_H

#include "commands/call.h"

#define FKV_CLIENT_NAME_MAX   128       /* bytes */
#define FKV_CLIENT_ADDR_SIZE  72        /* any socket's, with a port and NUL */
#define FKV_CLIENT_CMD_SIZE   32


/* What CLIENT LIST tells of a connection.  No pointers: it may be shared. */
typedef struct {
    uint64_t   id;
    uint64_t   created_ms;
    uint64_t   active_ms;
    uint64_t   query_bytes;             /* come and not yet done with */
    uint64_t   query_free;
    uint64_t   multi_bytes;
    uint64_t   out_bytes;               /* not yet taken by the socket */
    uint64_t   memory;
    int32_t    fd;
    int32_t    multi;                   /* commands queued; -1: no MULTI */
    uint32_t   ns;
    uint32_t   protocol;
    uint32_t   monitors;
    uint32_t   no_evict;
    uint32_t   closing;
    uint32_t   name_len;
    char       name[FKV_CLIENT_NAME_MAX];
    char       addr[FKV_CLIENT_ADDR_SIZE];
    char       laddr[FKV_CLIENT_ADDR_SIZE];
    char       cmd[FKV_CLIENT_CMD_SIZE];    /* the last: "client|list" */
} fkv_client_row_t;

typedef enum {
    FKV_CLIENT_REPLY_ON = 0,
    FKV_CLIENT_REPLY_OFF,
    FKV_CLIENT_REPLY_SKIP       /* not to the next one */
} fkv_client_reply_e;

typedef enum {
    FKV_CLIENT_PAUSE_ALL,
    FKV_CLIENT_PAUSE_WRITE
} fkv_client_pause_e;

typedef struct {
    /* Rows of all connections, until on_row answers false. */
    void  (*each)(fkv_client_t *client,
              bool (*on_row)(const fkv_client_row_t *row, void *data),
              void *data);
    void  (*row)(fkv_client_t *client, fkv_client_row_t *row);

    /* False: it has gone. */
    bool  (*kill)(fkv_client_t *client, uint64_t id);

    /* Nobody's commands begin for so long; 0: they do again. */
    void  (*pause)(fkv_client_t *client, uint64_t ms, fkv_client_pause_e what);

    /* Lines of what all clients run come to this one, or no more. */
    void  (*monitor)(fkv_client_t *client, bool on);

    /* Is this the password?  Takes as long whatever it is. */
    bool  (*password)(fkv_client_t *client, fkv_str_t given);

    /* What clients know as the server's version. */
    const char  *version;
} fkv_client_host_t;

typedef struct fkv_transaction_s  fkv_transaction_t;    /* session.h */

struct fkv_client_s {
    /* the holder's */
    const fkv_client_host_t  *host;
    void                     *data;
    uint64_t                  id;
    uint64_t                  multi_max;    /* bytes that MULTI may queue */
    unsigned                  rights;       /* as of fkv_exec_t */
    bool                      password;     /* one is asked for */

    /* the session's */
    bool                      authenticated;
    bool                      closing;      /* after the replies so far */
    bool                      monitors;
    bool                      no_evict;
    unsigned                  protocol;     /* 2 or 3 */
    unsigned                  ns;
    uint64_t                  after;        /* LSN of its last write */
    fkv_client_reply_e        reply;
    fkv_transaction_t        *transaction;  /* NULL: no MULTI, no WATCH */
    size_t                    name_len;
    char                      name[FKV_CLIENT_NAME_MAX];
};

/* FKV_OK · FKV_EINVAL replied: no name for a client */
int fkv_client_set_name(fkv_call_t *call, fkv_str_t name);


#endif /* FKV_COMMANDS_CLIENT_H */

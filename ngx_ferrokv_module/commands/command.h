/*
 * command.h - one definition of a command serves every face.
 *
 * A definition is a constant; each family of commands is one array of them in
 * its own file, and table.c lists the arrays.  RESP, HTTP, ferrokv_call and
 * COMMAND read the same definitions, and those of extensions are added to them.
 */

#ifndef FKV_COMMANDS_COMMAND_H
#define FKV_COMMANDS_COMMAND_H

#include "base/types.h"

#define FKV_COMMANDS_MAX      512   /* built-in ones and those of extensions */
#define FKV_COMMAND_NAME_MAX   32

typedef struct fkv_call_s     fkv_call_t;       /* call.h */
typedef struct fkv_command_s  fkv_command_t;


typedef enum {
    FKV_COMMAND_READ    = 0x01,     /* looks at keys, writes none */
    FKV_COMMAND_WRITE   = 0x02,
    FKV_COMMAND_ADMIN   = 0x04,     /* only where nginx.conf opens it */
    FKV_COMMAND_SLOW    = 0x08,     /* not O(1) in the store's size: not for
                                       ferrokv_call */
    FKV_COMMAND_SESSION = 0x10,     /* of a connection: RESP only */
    FKV_COMMAND_NOAUTH  = 0x20,     /* also before AUTH */
    FKV_COMMAND_NOMULTI = 0x40,     /* not inside MULTI */
    FKV_COMMAND_BLIND   = 0x80,     /* mostly needs nothing of its keys: they
                                       are read only when it asks */
    FKV_COMMAND_BARE    = 0x100,    /* looks at no values: large ones are not
                                       loaded, data has only a length then */
    FKV_COMMAND_QUIET   = 0x200,    /* is no use of its keys, for eviction */
    FKV_COMMAND_UNSEEN  = 0x400,    /* what it finds of keys counts neither as
                                       a hit nor as a miss */
    FKV_COMMAND_ELEMENTS = 0x800,   /* looks at elements: also of what writes
                                       the reads come first */
    FKV_COMMAND_EXTENSION = 0x1000, /* of an extension: extensions/extension.h
                                       knows more */
    FKV_COMMAND_AHEAD   = 0x2000    /* likewise; it can say which elements it
                                       will look at: fkv_ahead_ask() */
} fkv_command_flag_e;

struct fkv_command_s {
    const char   *name;         /* upper case, "CLIENT" */
    int           arity;        /* as Redis counts, with the name: 2 is exactly
                                   two, -2 is at least two */
    unsigned      flags;
    int           first_key;    /* index in argv, 0 = the command has no keys,
                                   or call asks for them by itself */
    int           last_key;     /* -1 = the last argument, -2 the one before */
    int           key_step;
    int         (*call)(fkv_call_t *call);
    const char   *group;        /* of COMMAND DOCS: "string", "generic" ...; of
                                   an extension's its name */
    const char   *since;        /* the version of Redis, or of the extension,
                                   that had it first */
    const char   *usage;        /* "key [EX seconds | PX milliseconds]" */
    const char   *summary;

    /*
     * Of a container ("CONFIG"), which has no call then: what argv[1] names.
     * Arity, flags and keys are each subcommand's own, and count as if the two
     * names were argv[0] and argv[1].  Ends with an entry without a name; HELP
     * answers by itself.
     */
    const fkv_command_t  *subs;
};


/* Whatever the letters' case; NULL: there is none. */
const fkv_command_t *fkv_command_find(fkv_str_t name);
const fkv_command_t *fkv_command_sub(const fkv_command_t *container,
    fkv_str_t name);

/*
 * The commands of extensions, from now on in this process; those that were
 * there before are gone.  No name is taken twice (ask find() before), and both
 * array and definitions stay as long as they are in use.
 */
void fkv_command_use(const fkv_command_t *const *added, unsigned n);

/* All of them in one order, built-in ones first: NULL behind the last. */
const fkv_command_t *fkv_command_at(unsigned i);

bool fkv_command_arity_ok(const fkv_command_t *command, unsigned argc);

/*
 * Where its keys stand among argc arguments: from first to last by key_step; if
 * it has none last is below first, which is 1 at least.
 */
void fkv_command_keys(const fkv_command_t *command, unsigned argc,
    unsigned *first, unsigned *last);

/* Where its i-th key stands among argc arguments; 0: there is no i-th. */
unsigned fkv_command_key(const fkv_command_t *command, unsigned argc,
    unsigned i);


/* The families; each ends with an entry without a name. */
extern const fkv_command_t  fkv_commands_string[];
extern const fkv_command_t  fkv_commands_counter[];
extern const fkv_command_t  fkv_commands_lcs[];
extern const fkv_command_t  fkv_commands_bitmap[];
extern const fkv_command_t  fkv_commands_bitfield[];
extern const fkv_command_t  fkv_commands_key[];
extern const fkv_command_t  fkv_commands_expire[];
extern const fkv_command_t  fkv_commands_scan[];
extern const fkv_command_t  fkv_commands_object[];
extern const fkv_command_t  fkv_commands_dump[];
extern const fkv_command_t  fkv_commands_random[];
extern const fkv_command_t  fkv_commands_server[];
extern const fkv_command_t  fkv_commands_info[];
extern const fkv_command_t  fkv_commands_config[];
extern const fkv_command_t  fkv_commands_introspect[];
extern const fkv_command_t  fkv_commands_memory[];
extern const fkv_command_t  fkv_commands_slowlog[];
extern const fkv_command_t  fkv_commands_latency[];
extern const fkv_command_t  fkv_commands_debug[];
extern const fkv_command_t  fkv_commands_session[];
extern const fkv_command_t  fkv_commands_transaction[];
extern const fkv_command_t  fkv_commands_client[];
extern const fkv_command_t  fkv_commands_extension[];     /* extensions/ */


#endif /* FKV_COMMANDS_COMMAND_H */

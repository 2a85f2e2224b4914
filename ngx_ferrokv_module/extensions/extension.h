/*
 * extension.h - an extension as this process has it: what its library says,
 * checked, and what nginx.conf says of it.
 *
 * Life       made by fkv_extension_load() (load.h) while a configuration is
 *            read, never changed afterwards but by start(); a configuration's
 *            extensions are one fkv_extensions_t (set.h).  Libraries stay
 *            mapped: a process that has two configurations has two of these,
 *            and maybe two libraries
 * Copies     definitions are copied into structs of this header's size, zeros
 *            behind what the library's has, so nobody looks at sizes later
 */

#ifndef FKV_EXTENSIONS_EXTENSION_H
#define FKV_EXTENSIONS_EXTENSION_H

#include "extensions/control.h"
#include "extensions/ferrokv_extension.h"
#include "commands/command.h"

#define FKV_EXTENSIONS_MAX  64

typedef struct fkv_extension_s   fkv_extension_t;
typedef struct fkv_extensions_s  fkv_extensions_t;

/* A value of a parameter, as param() gives it. */
typedef struct {
    const ferrokv_param   *def;         /* the library's: its identity */
    ferrokv_param          param;
    int64_t                number;
    fkv_str_t              text;        /* of TEXT, ends with a NUL */
    char                  *own;         /* text's memory, if it is ours */
    bool                   given;       /* by nginx.conf: not the default */
} fkv_extension_param_t;

/* A type: def is the address that the library knows it by. */
typedef struct {
    const ferrokv_type    *def;
    ferrokv_type           type;
    const char            *label;       /* what TYPE says, in type.name */
    const ferrokv_merge   *merge;       /* in the merges below, or NULL */
} fkv_extension_type_t;

/* A command of an extension is a definition as all others are. */
typedef struct {
    fkv_command_t          command;     /* the first: it leads back here */
    ferrokv_command        def;
    const ferrokv_ahead   *ahead;       /* in the aheads below, or NULL */
    fkv_extension_t       *extension;
} fkv_extension_command_t;

typedef struct fkv_host_store_s  fkv_host_store_t;     /* host.h */

struct fkv_extension_s {
    const ferrokv_extension  *library;  /* what it exports */
    char                      name[FKV_EXTENSION_NAME_MAX + 1];
    char                      version[FKV_EXTENSION_NAME_MAX + 1];
    char                     *file;     /* absolute */
    unsigned                  index;    /* in its fkv_extensions_t: the order
                                           of nginx.conf */
    bool                      replaced; /* the file, since it was loaded: this
                                           is the older one */
    uint32_t                  granted;  /* of FERROKV_NEEDS_... */
    fkv_control_t             control;  /* zeros: it has none */

    ferrokv_step             *steps;
    unsigned                  schema;   /* how many steps there are */
    unsigned                  serves;

    fkv_extension_command_t  *commands;
    unsigned                  commands_n;
    ferrokv_ahead            *aheads;
    unsigned                  aheads_n;
    fkv_extension_type_t     *types;
    unsigned                  types_n;
    ferrokv_merge            *merges;
    unsigned                  merges_n;
    ferrokv_hook             *hooks;
    unsigned                  hooks_n;
    ferrokv_worker           *workers;
    unsigned                  workers_n;
    fkv_extension_param_t    *params;
    unsigned                  params_n;
    const ferrokv_metric    **metric_defs;
    ferrokv_metric           *metrics;
    unsigned                  metrics_n;

    /* As nginx.conf says. */
    fkv_str_t                *stores;   /* names; none = all */
    unsigned                  stores_n;
    bool                      manual;   /* install=manual */
    bool                      update;   /* update=auto */
    bool                      check;

    void                     *self;     /* set by start(), of this process */

    struct {
        fkv_host_store_t     *stores;   /* where it is more than loaded */
        size_t                kept;     /* bytes */
        uint64_t              slow_us;  /* when one was logged last */
        bool                  failed;   /* start() has */
    } host;                             /* host.h's, of this process */
};


#endif /* FKV_EXTENSIONS_EXTENSION_H */

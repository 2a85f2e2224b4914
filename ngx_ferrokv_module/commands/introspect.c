/*
 * introspect.c - COMMAND: the table in the shapes in which Redis shows its own.
 *
 * Flags and categories are those that follow from a definition: who reads, who
 * writes, who needs rights.  Redis' "fast", "denyoom" and its hints are about
 * its own workings and are not there.
 */

#include "commands/glob.h"
#include "commands/server.h"
#include "rules/field.h"

#include <string.h>

#define NAME_BYTES  64          /* "config|get", with its NUL */
#define WORDS_MAX   8

/* Some of them, each a status. */
typedef struct {
    const char  *words[WORDS_MAX];
    unsigned     n;
    const char  *module;        /* one more, "@module"; NULL: none */
} words_t;


static void
words_add(words_t *words, bool which, const char *word)
{
    if (which) {
        FKV_ASSERT(words->n < WORDS_MAX);
        words->words[words->n++] = word;
    }
}


static void
words_reply(fkv_reply_t *reply, const words_t *words)
{
    char  module[NAME_BYTES] = "@";

    fkv_reply_set(reply, words->n + (words->module != NULL));

    for (unsigned i = 0; i < words->n; i++) {
        fkv_reply_status(reply, words->words[i]);
    }

    if (words->module != NULL) {
        memccpy(module + 1, words->module, '\0', NAME_BYTES - 2);
        fkv_reply_status(reply, module);
    }
}


static fkv_str_t
name_of(char name[NAME_BYTES], const fkv_command_t *command,
    const fkv_command_t *parent)
{
    const char *const  parts[] = {
        (parent != NULL) ? parent->name : "", (parent != NULL) ? "|" : "",
        command->name
    };
    size_t             len = 0;

    for (unsigned i = 0; i < 3; i++) {
        for (const char *p = parts[i]; *p != '\0'; p++) {
            FKV_ASSERT(len < NAME_BYTES - 1);
            name[len++] = (char) fkv_rules_lower((uint8_t) *p);
        }
    }

    name[len] = '\0';

    return (fkv_str_t) { (const uint8_t *) name, len };
}


/* "config" or "config|get"; NULL: there is none.  parent is set. */
static const fkv_command_t *
named(fkv_str_t name, const fkv_command_t **parent)
{
    const uint8_t        *bar = memchr(name.data, '|', name.len);
    const fkv_command_t  *command;
    size_t                len;

    *parent = NULL;

    if (bar == NULL) {
        return fkv_command_find(name);
    }

    len = (size_t) (bar - name.data);
    command = fkv_command_find((fkv_str_t) { name.data, len });

    if (command == NULL || command->subs == NULL) {
        return NULL;
    }

    *parent = command;

    return fkv_command_sub(command, (fkv_str_t) { bar + 1,
                                                  name.len - len - 1 });
}


/* The extension that it is of, or NULL. */
static const char *
module_of(const fkv_command_t *command)
{
    return (command->flags & FKV_COMMAND_EXTENSION) ? command->group : NULL;
}


static words_t
flags_of(const fkv_command_t *command)
{
    words_t   words = { .n = 0 };
    unsigned  flags = command->flags;

    words_add(&words, flags & FKV_COMMAND_WRITE, "write");
    words_add(&words, (flags & FKV_COMMAND_READ)
                      && !(flags & FKV_COMMAND_WRITE), "readonly");
    words_add(&words, flags & FKV_COMMAND_ADMIN, "admin");
    words_add(&words, flags & FKV_COMMAND_SESSION, "noscript");
    words_add(&words, flags & FKV_COMMAND_NOAUTH, "no_auth");
    words_add(&words, flags & FKV_COMMAND_NOMULTI, "no_multi");

    return words;
}


static words_t
categories_of(const fkv_command_t *command)
{
    static const struct {
        const char  *group;
        const char  *category;
    } groups[] = {
        { "string", "@string" }, { "bitmap", "@bitmap" },
        { "generic", "@keyspace" }, { "connection", "@connection" },
        { "transactions", "@transaction" }, { "scripting", "@scripting" }
    };
    words_t   words = { .n = 0, .module = module_of(command) };
    unsigned  flags = command->flags;

    words_add(&words, flags & FKV_COMMAND_WRITE, "@write");
    words_add(&words, (flags & FKV_COMMAND_READ)
                      && !(flags & FKV_COMMAND_WRITE), "@read");

    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        words_add(&words, strcmp(command->group, groups[i].group) == 0,
                  groups[i].category);
    }

    words_add(&words, flags & FKV_COMMAND_ADMIN, "@admin");
    words_add(&words, flags & FKV_COMMAND_SLOW, "@slow");
    words_add(&words, flags & FKV_COMMAND_ADMIN, "@dangerous");

    return words;
}


static words_t
key_flags_of(const fkv_command_t *command)
{
    words_t  words = { .n = 0 };
    bool     writes = (command->flags & FKV_COMMAND_WRITE) != 0;

    words_add(&words, true, writes ? "RW" : "RO");
    words_add(&words, !writes || !(command->flags & FKV_COMMAND_BLIND),
              "access");
    words_add(&words, writes, "update");

    return words;
}


static void
reply_field(fkv_reply_t *reply, const char *name, int64_t value)
{
    fkv_reply_cstr(reply, name);
    fkv_reply_int(reply, value);
}


/* Where a search begins, or how it goes on: a type, and n figures of it. */
static void
reply_search(fkv_reply_t *reply, const char *name, const char *type, size_t n)
{
    fkv_reply_cstr(reply, name);
    fkv_reply_map(reply, 2);
    fkv_reply_cstr(reply, "type");
    fkv_reply_cstr(reply, type);
    fkv_reply_cstr(reply, "spec");
    fkv_reply_map(reply, n);
}


static void
reply_key_specs(fkv_reply_t *reply, const fkv_command_t *command)
{
    words_t  words = key_flags_of(command);
    int      last = command->last_key;

    if (command->first_key == 0) {
        fkv_reply_set(reply, 0);
        return;
    }

    fkv_reply_set(reply, 1);
    fkv_reply_map(reply, 3);

    fkv_reply_cstr(reply, "flags");
    words_reply(reply, &words);

    reply_search(reply, "begin_search", "index", 1);
    reply_field(reply, "index", command->first_key);

    reply_search(reply, "find_keys", "range", 3);
    reply_field(reply, "lastkey",
                (last < 0) ? last : last - command->first_key);
    reply_field(reply, "keystep", command->key_step);
    reply_field(reply, "limit", 0);
}


static size_t
subs_count(const fkv_command_t *command)
{
    size_t  n = 0;

    while (command->subs != NULL && command->subs[n].name != NULL) {
        n++;
    }

    return n;
}


static void
reply_info(fkv_reply_t *reply, const fkv_command_t *command,
    const fkv_command_t *parent)
{
    char     name[NAME_BYTES];
    words_t  flags = flags_of(command), categories = categories_of(command);
    size_t   n = subs_count(command);

    fkv_reply_array(reply, 10);
    fkv_reply_str(reply, name_of(name, command, parent));
    fkv_reply_int(reply, command->arity);
    words_reply(reply, &flags);
    fkv_reply_int(reply, command->first_key);
    fkv_reply_int(reply, command->last_key);
    fkv_reply_int(reply, command->key_step);
    words_reply(reply, &categories);
    fkv_reply_set(reply, 0);                    /* hints */
    reply_key_specs(reply, command);
    fkv_reply_set(reply, n);

    for (size_t i = 0; i < n; i++) {            /* which have none */
        reply_info(reply, &command->subs[i], command);
    }
}


static int
introspect_all(fkv_call_t *call)
{
    const fkv_command_t  *command;
    size_t                begin = fkv_reply_array_begin(call->reply);
    unsigned              n;

    for (n = 0; (command = fkv_command_at(n)) != NULL; n++) {
        reply_info(call->reply, command, NULL);
    }

    fkv_reply_array_end(call->reply, begin, n);

    return FKV_OK;
}


static int
introspect_info(fkv_call_t *call)
{
    const fkv_command_t  *command, *parent;

    if (call->argc == 2) {
        return introspect_all(call);
    }

    fkv_reply_array(call->reply, call->argc - 2);

    for (unsigned i = 2; i < call->argc; i++) {

        command = named(call->argv[i], &parent);

        if (command == NULL) {
            fkv_reply_null(call->reply);

        } else {
            reply_info(call->reply, command, parent);
        }
    }

    return FKV_OK;
}


static void
reply_doc_line(fkv_reply_t *reply, const char *name, const char *text)
{
    fkv_reply_cstr(reply, name);
    fkv_reply_cstr(reply, text);
}


static void
reply_docs(fkv_reply_t *reply, const fkv_command_t *command,
    const fkv_command_t *parent)
{
    char         name[NAME_BYTES];
    size_t       n = subs_count(command);
    const char  *module = module_of(command);

    fkv_reply_str(reply, name_of(name, command, parent));
    fkv_reply_map(reply, 3 + (module != NULL)
                         + (command->usage != NULL) + (n > 0));
    reply_doc_line(reply, "summary", command->summary);
    reply_doc_line(reply, "since", command->since);
    reply_doc_line(reply, "group", module ? "module" : command->group);

    if (module != NULL) {
        reply_doc_line(reply, "module", module);
    }

    if (command->usage != NULL) {
        reply_doc_line(reply, "usage", command->usage);
    }

    if (n > 0) {
        fkv_reply_cstr(reply, "subcommands");
        fkv_reply_map(reply, n);
    }

    for (size_t i = 0; i < n; i++) {
        reply_docs(reply, &command->subs[i], command);
    }
}


static int
introspect_docs(fkv_call_t *call)
{
    const fkv_command_t  *command, *parent;
    unsigned              n = 0;

    if (call->argc == 2) {
        while (fkv_command_at(n) != NULL) {
            n++;
        }

        fkv_reply_map(call->reply, n);

        for (unsigned i = 0; i < n; i++) {
            reply_docs(call->reply, fkv_command_at(i), NULL);
        }

        return FKV_OK;
    }

    for (unsigned i = 2; i < call->argc; i++) {
        n += (named(call->argv[i], &parent) != NULL);
    }

    fkv_reply_map(call->reply, n);

    for (unsigned i = 2; i < call->argc; i++) {

        command = named(call->argv[i], &parent);

        if (command != NULL) {
            reply_docs(call->reply, command, parent);
        }
    }

    return FKV_OK;
}


static int
introspect_count(fkv_call_t *call)
{
    unsigned  n = 0;

    while (fkv_command_at(n) != NULL) {
        n++;
    }

    fkv_reply_int(call->reply, n);

    return FKV_OK;
}


/* What of the table LIST is to show; no filter: all. */
typedef enum {
    LIST_ALL,
    LIST_MODULE,
    LIST_CATEGORY,
    LIST_PATTERN
} list_e;


static bool
of_module(const fkv_command_t *command, fkv_str_t module)
{
    const char  *own = module_of(command);

    return own != NULL
           && fkv_rules_same((fkv_str_t) { (const uint8_t *) own,
                                           strlen(own) }, module);
}


static bool
in_category(const fkv_command_t *command, fkv_str_t category)
{
    words_t  words = categories_of(command);

    if (of_module(command, category)) {
        return true;
    }

    for (unsigned i = 0; i < words.n; i++) {

        const char  *word = words.words[i] + 1;     /* without the "@" */

        if (fkv_rules_same((fkv_str_t) { (const uint8_t *) word,
                                         strlen(word) }, category))
        {
            return true;
        }
    }

    return false;
}


static bool
list_wants(list_e list, fkv_str_t what, const fkv_command_t *command,
    fkv_str_t name)
{
    switch (list) {
    case LIST_ALL:       return true;
    case LIST_MODULE:    return of_module(command, what);
    case LIST_CATEGORY:  return in_category(command, what);
    case LIST_PATTERN:   return fkv_glob(what, name);
    }

    fkv__unreachable();
}


static int
list_filter(fkv_call_t *call, list_e *list, fkv_str_t *what)
{
    static const struct {
        const char  *word;
        list_e       list;
    } filters[] = {
        { "MODULE", LIST_MODULE }, { "ACLCAT", LIST_CATEGORY },
        { "PATTERN", LIST_PATTERN }
    };

    *list = LIST_ALL;
    *what = FKV_STR_NULL;

    if (call->argc == 2) {
        return FKV_OK;
    }

    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        if (call->argc == 5 && fkv_call_is(call, 2, "FILTERBY")
            && fkv_call_is(call, 3, filters[i].word))
        {
            *list = filters[i].list;
            *what = call->argv[4];
            return FKV_OK;
        }
    }

    return fkv_call_syntax(call);
}


static int
introspect_list(fkv_call_t *call)
{
    const fkv_command_t  *command;
    fkv_str_t             what, name;
    list_e                list;
    char                  bytes[NAME_BYTES];
    size_t                begin, n = 0;

    if (list_filter(call, &list, &what) != FKV_OK) {
        return FKV_EINVAL;
    }

    begin = fkv_reply_array_begin(call->reply);

    for (unsigned i = 0; (command = fkv_command_at(i)) != NULL; i++) {

        name = name_of(bytes, command, NULL);

        if (list_wants(list, what, command, name)) {
            fkv_reply_str(call->reply, name);
            n++;
        }
    }

    fkv_reply_array_end(call->reply, begin, n);

    return FKV_OK;
}


/* The command that the arguments behind GETKEYS are of; NULL: replied. */
static const fkv_command_t *
whole_command(fkv_call_t *call)
{
    const fkv_str_t      *argv = call->argv + 2;
    unsigned              argc = call->argc - 2;
    const fkv_command_t  *command = fkv_command_find(argv[0]);

    if (command != NULL && command->subs != NULL && argc > 1) {
        command = fkv_command_sub(command, argv[1]);
    }

    if (command == NULL) {
        (void) fkv_call_fail(call, "ERR Invalid command specified");

    } else if (command->first_key == 0) {
        (void) fkv_call_fail(call, "ERR The command has no key arguments");

    } else if (!fkv_command_arity_ok(command, argc)) {
        (void) fkv_call_fail(call, "ERR Invalid number of arguments specified "
                             "for command");

    } else {
        return command;
    }

    return NULL;
}


static int
reply_keys(fkv_call_t *call, bool with_flags)
{
    const fkv_command_t  *command = whole_command(call);
    words_t               flags;
    size_t                begin;
    unsigned              at, n;

    if (command == NULL) {
        return FKV_EINVAL;
    }

    flags = key_flags_of(command);
    begin = fkv_reply_array_begin(call->reply);

    for (n = 0; (at = fkv_command_key(command, call->argc - 2, n)) != 0; n++) {

        if (with_flags) {
            fkv_reply_array(call->reply, 2);
        }

        fkv_reply_str(call->reply, call->argv[2 + at]);

        if (with_flags) {
            words_reply(call->reply, &flags);
        }
    }

    fkv_reply_array_end(call->reply, begin, n);

    return FKV_OK;
}


static int
introspect_getkeys(fkv_call_t *call)
{
    return reply_keys(call, false);
}


static int
introspect_getkeysandflags(fkv_call_t *call)
{
    return reply_keys(call, true);
}


static const fkv_command_t  subs[] = {
    { .name = "COUNT", .arity = 2, .call = introspect_count,
      .group = "server", .since = "2.8.13",
      .summary = "How many commands there are" },
    { .name = "DOCS", .arity = -2, .call = introspect_docs,
      .group = "server", .since = "7.0.0",
      .usage = "[command-name [command-name ...]]",
      .summary = "What commands are for" },
    { .name = "GETKEYS", .arity = -4, .call = introspect_getkeys,
      .group = "server", .since = "2.8.13", .usage = "command [arg [arg ...]]",
      .summary = "The keys among the arguments of a command" },
    { .name = "GETKEYSANDFLAGS", .arity = -4,
      .call = introspect_getkeysandflags,
      .group = "server", .since = "7.0.0", .usage = "command [arg [arg ...]]",
      .summary = "The keys of a command, and what it does to them" },
    { .name = "INFO", .arity = -2, .call = introspect_info,
      .group = "server", .since = "2.8.13",
      .usage = "[command-name [command-name ...]]",
      .summary = "Arity, flags and keys of commands" },
    { .name = "LIST", .arity = -2, .call = introspect_list,
      .group = "server", .since = "7.0.0",
      .usage = "[FILTERBY MODULE name | ACLCAT category | PATTERN pattern]",
      .summary = "Names of commands" },
    { .name = NULL }
};

const fkv_command_t  fkv_commands_introspect[] = {
    { .name = "COMMAND", .arity = -1, .call = introspect_all, .subs = subs,
      .group = "server", .since = "2.8.13",
      .summary = "Arity, flags and keys of all commands" },
    { .name = NULL }
};

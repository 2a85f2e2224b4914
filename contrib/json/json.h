/*
 * json.h - what the files of this extension share: the commands, by what they
 * do to a document.
 */

#ifndef JSON_JSON_H
#define JSON_JSON_H

#include "doc.h"

/* look.c */
extern const ferrokv_command  json_get, json_mget, json_type, json_arrlen,
    json_objkeys, json_objlen;

/* change.c */
extern const ferrokv_command  json_set, json_del, json_merge, json_clear,
    json_toggle, json_numincrby, json_strappend, json_arrappend;


#endif /* JSON_JSON_H */

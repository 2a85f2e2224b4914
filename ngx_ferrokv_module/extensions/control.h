/*
 * control.h - control files: what an extension is, before its library is
 * loaded.  The syntax is PostgreSQL's.
 *
 *   # a comment
 *   comment         = 'JSON documents'  # another
 *   default_version = '1.2.0'           # json-1.2.0.so, beside this file
 *   requires        = 'hash >= 1.0, set'
 *   api             = '0.1'
 *   trusted         = true
 *
 * A text stands in quotes, '' is a quote inside.  A file is bytes that somebody
 * else has written: it is refused as a whole, with a sentence about its first
 * fault.
 */

#ifndef FKV_EXTENSIONS_CONTROL_H
#define FKV_EXTENSIONS_CONTROL_H

#include "extensions/name.h"

#define FKV_CONTROL_BYTES_MAX    4096
#define FKV_CONTROL_COMMENT_MAX  255
#define FKV_CONTROL_REQUIRES_MAX 16

typedef struct {
    char      name[FKV_EXTENSION_NAME_MAX + 1];
    char      version[FKV_EXTENSION_NAME_MAX + 1];  /* at least; or empty */
} fkv_control_requires_t;

typedef struct {
    char      comment[FKV_CONTROL_COMMENT_MAX + 1];
    char      default_version[FKV_EXTENSION_NAME_MAX + 1];  /* or empty */
    uint32_t  api;                      /* 0: it says nothing */
    bool      trusted;
    fkv_control_requires_t  requires[FKV_CONTROL_REQUIRES_MAX];
    unsigned  requires_n;
} fkv_control_t;


/*
 * FKV_OK · FKV_EINVAL error[FKV_ERROR_BYTES] is a sentence that begins with
 * file, and the line if it is about one
 */
int fkv_control_parse(fkv_control_t *control, fkv_str_t text,
    const char *file, char *error);

/* Versions of the API as people write them: "0.1" is 0x0001. */
#define FKV_API_BYTES  12
const char *fkv_api_text(char text[FKV_API_BYTES], uint32_t api);


#endif /* FKV_EXTENSIONS_CONTROL_H */

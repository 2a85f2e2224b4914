/*
 * kind.h - the kinds of definitions: what each must say, and where it goes.
 *
 * Errors are sentences that name the definition.
 */

#ifndef FKV_EXTENSIONS_KIND_H
#define FKV_EXTENSIONS_KIND_H

#include "extensions/extension.h"

#define FKV__KINDS  (FERROKV_KIND_AHEAD + 1)

/* FKV_OK counted, or to be passed over · FKV_EINVAL error is set */
int fkv__kind_count(const void *def, unsigned counts[FKV__KINDS], char *error);

/* Arrays for so many.  FKV_OK · FKV_ENOMEM error is set */
int fkv__kinds_init(fkv_extension_t *ext, const unsigned counts[FKV__KINDS],
    char *error);
void fkv__kinds_done(fkv_extension_t *ext);

/* FKV_OK checked and copied, or passed over · FKV_EINVAL error is set */
int fkv__kind_add(fkv_extension_t *ext, const void *def, char *error);

/* What needs all of them: types find their merge operators, and what is said
   ahead its command. */
int fkv__kinds_join(fkv_extension_t *ext, char *error);


#endif /* FKV_EXTENSIONS_KIND_H */

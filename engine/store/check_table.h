/*
 * check_table.h - the part of check.h that looks at one table.
 */

#ifndef FKV_STORE_CHECK_TABLE_H
#define FKV_STORE_CHECK_TABLE_H

#include "store/check.h"

/*
 * info is what the manifest says.
 * FKV_OK what is wrong was told · FKV_EVERSION · FKV_EIO · FKV_ENOMEM; error
 * holds one sentence
 */
int fkv__check_table(fkv__check_t *check, const fkv__table_info_t *info,
    char *error);

#endif /* FKV_STORE_CHECK_TABLE_H */

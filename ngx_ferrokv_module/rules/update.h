/*
 * update.h - which fields of a response are stored, and what a 304 changes:
 * RFC 9111, sections 3.1 and 3.2, RFC 9110, section 7.6.1.
 *
 * Shape      fields of a response -> those to store, in order;
 *            stored fields + those of a 304 -> those to store from now on
 *
 * Never stored: Connection and what it lists, Keep-Alive, Proxy-Connection, TE,
 * Trailer, Transfer-Encoding, Upgrade; Proxy-Authenticate,
 * Proxy-Authentication-Info, Proxy-Authorization; fields that no-cache= and
 * private= list; Age, Content-Length and Date, which the entry has as numbers;
 * X-Accel-*, which are for nginx; Set-Cookie of a 304.
 *
 * Never changed by a 304, for they describe the body, which stays:
 * Content-Encoding, Content-Type, Content-Range, Content-Digest.
 */

#ifndef FKV_RULES_UPDATE_H
#define FKV_RULES_UPDATE_H

#include "rules/control.h"

#define FKV_RULES_FIELDS_MAX  256       /* more are not stored */


/*
 * The fields to store into out[FKV_RULES_FIELDS_MAX].
 * FKV_OK, *n of them · FKV_EINVAL one is not safe to send
 * FKV_ETOOBIG too many
 */
int fkv_rules_keep(fkv_rules_fields_t response,
    const fkv_rules_control_t *control, fkv_rules_field_t *out, size_t *n);

/*
 * The same after a 304: a field that it has takes the place of all stored ones
 * of its name.  control: the 304's.  How fresh that is now,
 * fkv_rules_response_update() reads.
 */
int fkv_rules_update(fkv_rules_fields_t stored, fkv_rules_fields_t answer,
    const fkv_rules_control_t *control, fkv_rules_field_t *out, size_t *n);


#endif /* FKV_RULES_UPDATE_H */


/*
 * ngx_ferrokv_network.h - addresses and networks as text.
 *
 * An IPv4 or IPv6 address, or one with "/BITS" behind it, is a network.  Each
 * has one name: as nginx writes addresses, no bits set behind the network's,
 * and no "/32" or "/128".  An IPv4 address in IPv6 (::ffff:192.0.2.1) is the
 * IPv4 address, as for allow and deny.
 */

#ifndef _NGX_FERROKV_NETWORK_H_INCLUDED_
#define _NGX_FERROKV_NETWORK_H_INCLUDED_


#include "ngx_ferrokv.h"


#define NGX_FERROKV_NETWORK_LEN  (NGX_INET6_ADDRSTRLEN + sizeof("/128") - 1)

typedef struct {
    u_char                     address[16]; /* zero behind bits */
    ngx_uint_t                 bytes;       /* 4 or 16 */
    ngx_uint_t                 bits;
} ngx_ferrokv_network_t;


/* Any spelling: NGX_OK, or NGX_ERROR: it is neither. */
ngx_int_t ngx_ferrokv_network_parse(ngx_ferrokv_network_t *network,
    const u_char *p, size_t len);

/*
 * The name of the network of so many bits that holds this one.  Returns the
 * length of what is written to buf[NGX_FERROKV_NETWORK_LEN].
 */
size_t ngx_ferrokv_network_name(ngx_ferrokv_network_t *network,
    ngx_uint_t bits, u_char *buf);


#endif /* _NGX_FERROKV_NETWORK_H_INCLUDED_ */

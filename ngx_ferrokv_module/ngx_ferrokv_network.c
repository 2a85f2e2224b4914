
/*
 * ngx_ferrokv_network.c - addresses and networks as text.
 */

#include "ngx_ferrokv_network.h"


#define NGX_FERROKV_MAPPED_BITS  96


static void
ngx_ferrokv_network_mask(u_char *address, ngx_uint_t bytes, ngx_uint_t bits)
{
    ngx_uint_t  i;

    for (i = bits / 8; i < bytes; i++) {
        address[i] &= (i == bits / 8) ? (u_char) (0xff00 >> (bits % 8)) : 0;
    }
}


static ngx_int_t
ngx_ferrokv_network_address(ngx_ferrokv_network_t *network, u_char *p,
    size_t len)
{
    in_addr_t  ipv4;

    ipv4 = ngx_inet_addr(p, len);

    if (ipv4 != INADDR_NONE
        || (len == sizeof("255.255.255.255") - 1
            && ngx_strncmp(p, "255.255.255.255", len) == 0))
    {
        network->bytes = 4;
        ngx_memcpy(network->address, &ipv4, 4);
        return NGX_OK;
    }

    network->bytes = 16;

    return ngx_inet6_addr(p, len, network->address);
}


/* As an IPv4 network, if it is one. */

static void
ngx_ferrokv_network_unmap(ngx_ferrokv_network_t *network)
{
    static const u_char  mapped[12] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
    };

    if (network->bytes == 16
        && network->bits >= NGX_FERROKV_MAPPED_BITS
        && ngx_memcmp(network->address, mapped, sizeof(mapped)) == 0)
    {
        ngx_memmove(network->address, network->address + sizeof(mapped), 4);
        network->bytes = 4;
        network->bits -= NGX_FERROKV_MAPPED_BITS;
    }
}


ngx_int_t
ngx_ferrokv_network_parse(ngx_ferrokv_network_t *network, const u_char *p,
    size_t len)
{
    u_char     *slash, *text;
    ngx_int_t   bits;

    text = (u_char *) p;                        /* nginx only reads it */
    slash = ngx_strlchr(text, text + len, '/');

    if (ngx_ferrokv_network_address(network, text,
                                    slash ? (size_t) (slash - text) : len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    bits = network->bytes * 8;

    if (slash) {
        bits = ngx_atoi(slash + 1, text + len - slash - 1);

        if (bits == NGX_ERROR || bits > (ngx_int_t) network->bytes * 8) {
            return NGX_ERROR;
        }
    }

    network->bits = bits;

    ngx_ferrokv_network_mask(network->address, network->bytes, bits);
    ngx_ferrokv_network_unmap(network);

    return NGX_OK;
}


size_t
ngx_ferrokv_network_name(ngx_ferrokv_network_t *network, ngx_uint_t bits,
    u_char *buf)
{
    u_char  address[16], *p;

    ngx_memcpy(address, network->address, network->bytes);
    ngx_ferrokv_network_mask(address, network->bytes, bits);

    p = buf + ngx_inet_ntop(network->bytes == 4 ? AF_INET : AF_INET6, address,
                            buf, NGX_INET6_ADDRSTRLEN);

    if (bits < network->bytes * 8) {
        p = ngx_sprintf(p, "/%ui", bits);
    }

    return p - buf;
}

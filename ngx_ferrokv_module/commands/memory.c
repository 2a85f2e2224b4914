#include "commands/memory.h"

#include <string.h>

#define PIECE_BYTES  4096
#define ALIGN        16

struct fkv__piece_s {
    fkv__piece_t  *older;
    uint8_t       *end;
    _Alignas(ALIGN) uint8_t  bytes[];
};


static void
pieces_free(fkv__piece_t *piece)
{
    while (piece != NULL) {
        fkv__piece_t  *older = piece->older;

        fkv__free(piece);
        piece = older;
    }
}


static size_t
piece_bytes(const fkv__piece_t *piece)
{
    return (size_t) (piece->end - piece->bytes);
}


void
fkv__memory_bound(fkv__memory_t *memory, size_t max)
{
    memory->max = max;
    memory->refused = false;
}


int
fkv__memory_count(fkv__memory_t *memory, size_t bytes)
{
    if (memory->max > 0
        && (memory->bytes > memory->max
            || bytes > memory->max - memory->bytes))
    {
        memory->refused = true;
        return FKV_EBOUND;
    }

    memory->bytes += bytes;

    return FKV_OK;
}


void
fkv__memory_uncount(fkv__memory_t *memory, size_t bytes)
{
    memory->bytes -= bytes;
}


static fkv__piece_t *
piece_add(fkv__memory_t *memory, size_t size)
{
    size_t         bytes = fkv__max(size, PIECE_BYTES - sizeof(fkv__piece_t));
    fkv__piece_t  *piece;

    if (fkv__memory_count(memory, bytes) != FKV_OK) {
        return NULL;
    }

    piece = fkv__alloc(sizeof(fkv__piece_t) + bytes);

    if (piece == NULL) {
        fkv__memory_uncount(memory, bytes);
        return NULL;
    }

    piece->older = memory->pieces;
    piece->end = piece->bytes + bytes;
    memory->pieces = piece;
    memory->at = piece->bytes;
    memory->end = piece->end;

    return piece;
}


void *
fkv__memory_alloc(fkv__memory_t *memory, size_t size)
{
    void  *p;

    if (size > SIZE_MAX / 2) {
        return NULL;
    }

    /* Nothing, too, has a place. */
    size = fkv__align(fkv__max(size, (size_t) 1), ALIGN);

    if ((size_t) (memory->end - memory->at) < size
        && piece_add(memory, size) == NULL)
    {
        return NULL;
    }

    p = memory->at;
    memory->at += size;

    return p;
}


int
fkv__memory_copy(fkv__memory_t *memory, fkv_str_t *str)
{
    uint8_t  *copy = fkv__memory_alloc(memory, str->len);

    if (copy == NULL) {
        return FKV_ENOMEM;
    }

    if (str->len > 0) {
        memcpy(copy, str->data, str->len);
    }

    str->data = copy;

    return FKV_OK;
}


bool
fkv__memory_has(const fkv__memory_t *memory, const uint8_t *p)
{
    for (fkv__piece_t *piece = memory->pieces; piece != NULL;
         piece = piece->older)
    {
        if (p >= piece->bytes && p < piece->end) {
            return true;
        }
    }

    return false;
}


void
fkv__memory_move(fkv__memory_t *to, fkv__memory_t *from)
{
    fkv__piece_t  *last = from->pieces;

    to->bytes += from->bytes;

    if (to->pieces == NULL) {
        to->pieces = from->pieces;
        to->at = from->at;
        to->end = from->end;

    } else if (last != NULL) {

        while (last->older != NULL) {
            last = last->older;
        }

        last->older = to->pieces->older;
        to->pieces->older = from->pieces;   /* the newest still has room */
    }

    from->pieces = NULL;
    from->at = NULL;
    from->end = NULL;
    from->bytes = 0;
}


void
fkv__memory_reset(fkv__memory_t *memory)
{
    fkv__piece_t  *first = memory->pieces;

    if (first == NULL || first->older != NULL
        || piece_bytes(first) > PIECE_BYTES)
    {
        fkv__memory_done(memory);
        return;
    }

    memory->at = first->bytes;
    memory->bytes = piece_bytes(first);
}


void
fkv__memory_done(fkv__memory_t *memory)
{
    pieces_free(memory->pieces);
    memory->pieces = NULL;
    memory->at = NULL;
    memory->end = NULL;
    memory->bytes = 0;
}

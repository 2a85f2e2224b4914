/*
 * element.c - what is asked for is read from inside the run that asks.
 */

#include "commands/element.h"
#include "commands/own.h"
#include "base/hash.h"
#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#define FEW        16           /* found without a hash */
#define KEEP_ROOM  64           /* more are given back at the end */

/* More than this share of the store's memory no update takes. */
#define BYTES_SHARE  16

struct fkv__element_read_s {
    fkv__element_read_t  *next;     /* of those not in flight */
    fkv_get_t             get;
    unsigned              at;       /* of the element */
};


static fkv__exec_t *
own_of(fkv__txn_t *txn)
{
    return fkv__container(txn, fkv__exec_t, txn);
}


static inline uint64_t
hash_of(unsigned at, uint64_t stamp, fkv_str_t name)
{
    return fkv__hash(name) + stamp + at;
}


static inline bool
element_is(const fkv__element_t *element, unsigned at, uint64_t stamp,
    fkv_str_t name)
{
    return element->at == at && element->stamp == stamp
           && fkv__str_eq(element->name, name);
}


static uint32_t *
bucket_of(const fkv__txn_t *txn, unsigned at, uint64_t stamp, fkv_str_t name)
{
    uint64_t  hash = hash_of(at, stamp, name);

    return &txn->element_buckets[hash & (txn->element_buckets_n - 1)];
}


static void
bucket_add(fkv__txn_t *txn, unsigned i)
{
    fkv__element_t  *element = &txn->elements[i];
    uint32_t        *bucket = bucket_of(txn, element->at, element->stamp,
                                        element->name);

    element->next = *bucket;
    *bucket = i + 1;
}


static fkv__element_t *
element_find(const fkv__txn_t *txn, unsigned at, uint64_t stamp,
    fkv_str_t name)
{
    if (txn->element_buckets != NULL) {
        uint32_t  i = *bucket_of(txn, at, stamp, name);

        while (i != 0
               && !element_is(&txn->elements[i - 1], at, stamp, name))
        {
            i = txn->elements[i - 1].next;
        }

        return (i != 0) ? &txn->elements[i - 1] : NULL;
    }

    for (unsigned i = 0; i < txn->elements_n; i++) {
        if (element_is(&txn->elements[i], at, stamp, name)) {
            return &txn->elements[i];
        }
    }

    return NULL;
}


/* More than few are hashed, anew whenever there is no room. */
static int
elements_hash(fkv__txn_t *txn)
{
    unsigned   n = 2 * txn->elements_room;
    uint32_t  *buckets = fkv__zalloc(n * sizeof(uint32_t));

    if (buckets == NULL) {
        return FKV_ENOMEM;
    }

    fkv__free(txn->element_buckets);
    txn->element_buckets = buckets;
    txn->element_buckets_n = n;

    for (unsigned i = 0; i < txn->elements_n; i++) {
        bucket_add(txn, i);
    }

    return FKV_OK;
}


static int
elements_reserve(fkv__txn_t *txn)
{
    if (txn->elements_n == txn->elements_room) {
        unsigned         room = (txn->elements_room > 0)
                                ? 2 * txn->elements_room : FEW;
        fkv__element_t  *elements;

        elements = fkv__realloc(txn->elements, room * sizeof(*elements));
        if (elements == NULL) {
            return FKV_ENOMEM;
        }

        txn->elements = elements;
        txn->elements_room = room;

        return (txn->elements_n >= FEW) ? elements_hash(txn) : FKV_OK;
    }

    /* Room that was kept from before may be larger than few. */
    return (txn->elements_n == FEW && txn->element_buckets == NULL)
           ? elements_hash(txn) : FKV_OK;
}


/* The element, which is added if it is new; NULL: out of memory. */
static fkv__element_t *
element_of(fkv__txn_t *txn, const fkv__head_t *head, fkv_str_t name)
{
    uint64_t         stamp = head->value.stamp;
    fkv__element_t  *element = element_find(txn, head->at, stamp, name);

    if (element != NULL) {
        return element;
    }

    if (fkv__memory_copy(&txn->kept, &name) != FKV_OK
        || elements_reserve(txn) != FKV_OK)
    {
        return NULL;
    }

    element = &txn->elements[txn->elements_n++];

    *element = (fkv__element_t) {
        .at = head->at, .stamp = stamp, .name = name,
        .wrote = { .what = FKV__WROTE_NOTHING }
    };

    if (txn->element_buckets != NULL) {
        bucket_add(txn, txn->elements_n - 1);
    }

    return element;
}


void
fkv__txn_elements_end(fkv__txn_t *txn)
{
    fkv__free(txn->element_buckets);
    txn->element_buckets = NULL;

    if (txn->elements_room > KEEP_ROOM) {
        fkv__free(txn->elements);
        txn->elements = NULL;
        txn->elements_room = 0;
    }
}


int
fkv__head_get(fkv_call_t *call, unsigned ns, fkv_str_t key, bool load,
    fkv__head_t *head)
{
    fkv__txn_t      *txn = call->txn;
    fkv__txn_key_t  *known;
    int              rc;

    if (!txn->by_elements) {
        txn->by_elements = true;        /* all begins again, reads first */
        return FKV_AGAIN;
    }

    if (key.len == 0 || key.len > FKV_KEY_BYTES_MAX
        || ns >= FKV_NAMESPACE_USERS)
    {
        return FKV_NOTFOUND;
    }

    known = fkv__txn_key(txn, ns, key, true);
    if (known == NULL) {
        return FKV_ENOMEM;
    }

    rc = fkv__txn_get(txn, known, load, &head->value);

    if (rc != FKV_OK) {
        return rc;
    }

    head->at = (unsigned) (known - txn->keys);
    head->committed = (known->known && known->rc == FKV_OK
                       && head->value.stamp != 0
                       && known->value.stamp == head->value.stamp);

    return (head->value.type != 0) ? FKV_OK : FKV_NOTFOUND;
}


/* The read has ended: a copy of what it has found stays. */
static int
read_ended(fkv__txn_t *txn, fkv__element_read_t *read, int rc)
{
    fkv__element_t     *element = &txn->elements[read->at];
    const fkv_value_t  *value = &read->get.value;

    element->reading = false;

    if (rc == FKV_GONE) {
        own_of(txn)->gone = true;       /* all is read anew */
        rc = FKV_AGAIN;

    } else {
        element->known = true;
    }

    if (rc == FKV_OK) {
        element->value = (fkv_call_value_t) {
            .data = { value->data.data, value->size },
            .expire_at = value->expire_at, .version = value->version
        };

        rc = fkv__memory_copy(&txn->kept, &element->value.data);
    }

    element->rc = rc;
    fkv_get_done(&read->get);
    read->next = txn->reads;
    txn->reads = read;

    return rc;
}


static void
on_get_done(fkv_op_t *op)
{
    fkv__element_read_t  *read = fkv__container(op, fkv__element_read_t,
                                                get.op);
    fkv__exec_t          *own = op->data;

    if (own->exec == NULL) {
        fkv_get_done(&read->get);

    } else {
        (void) read_ended(&own->txn, read, op->rc);
    }

    fkv__own_child(own);
}


static fkv__element_read_t *
read_new(fkv__exec_t *own)
{
    fkv__element_read_t  *read = own->txn.reads;

    if (read != NULL) {
        own->txn.reads = read->next;
        return read;
    }

    read = fkv__memory_alloc(&own->txn.kept, sizeof(*read));

    if (read != NULL) {
        read->get = (fkv_get_t) {
            .op = { .on_done = on_get_done, .data = own },
            .load_max = UINT64_MAX
        };
    }

    return read;
}


/* FKV_OK · FKV_NOTFOUND · FKV_AGAIN it is on its way, or will be · failure */
static int
element_read(fkv__txn_t *txn, fkv__element_t *element)
{
    fkv__exec_t           *own = own_of(txn);
    const fkv__txn_key_t  *key = &txn->keys[element->at];
    fkv__element_read_t   *read;
    fkv_get_t             *get;
    int                    rc;

    if (element->reading || own->pending >= FKV__READS_MAX || own->gone) {
        return FKV_AGAIN;
    }

    read = read_new(own);
    if (read == NULL) {
        return FKV_ENOMEM;
    }

    read->at = (unsigned) (element - txn->elements);
    get = &read->get;
    get->store = own->store;
    get->ns = key->ns;
    get->key = key->key;
    get->stamp = element->stamp;
    get->element = element->name;
    get->now_ms = txn->now_ms;
    get->snapshot = own->snapshot;

    rc = fkv_get(get);

    if (rc == FKV_AGAIN) {
        element->reading = true;
        own->pending++;
        return FKV_AGAIN;
    }

    return read_ended(txn, read, rc);
}


static int
element_get(fkv__txn_t *txn, const fkv__head_t *head, fkv__element_t *element,
    fkv_call_value_t *value)
{
    int  rc;

    if (element->wrote.what != FKV__WROTE_NOTHING) {
        *value = (fkv_call_value_t) {
            .data = element->wrote.data, .expire_at = element->wrote.expire_at
        };

        return fkv__element_put(txn, element) ? FKV_OK : FKV_NOTFOUND;
    }

    if (!head->committed) {
        return FKV_NOTFOUND;
    }

    rc = element->known ? element->rc : element_read(txn, element);

    if (rc == FKV_OK) {
        *value = element->value;
    }

    return rc;
}


static bool
name_valid(fkv_str_t key, fkv_str_t name)
{
    return name.len > 0 && name.len <= FKV_KEY_BYTES_MAX - key.len;
}


int
fkv_call_get_element(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_str_t name, fkv_call_value_t *value)
{
    fkv__head_t      head;
    fkv__element_t  *element;
    int              rc = fkv__head_get(call, ns, key, false, &head);

    if (rc != FKV_OK) {
        return rc;
    }

    if (head.value.stamp == 0 || !name_valid(key, name)) {
        return FKV_NOTFOUND;
    }

    element = element_of(call->txn, &head, name);

    return (element != NULL) ? element_get(call->txn, &head, element, value)
                             : FKV_ENOMEM;
}


/* Sebastiano Vigna, "splitmix64"; never 0. */
static uint64_t
stamp_new(fkv__txn_t *txn)
{
    uint64_t  n = txn->random + ++txn->stamps * 0x9e3779b97f4a7c15;

    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    n = (n ^ n >> 27) * 0x94d049bb133111eb;
    n = (n ^ n >> 31) >> 1;

    return (n != 0) ? n : 1;
}


/* The key is written with its elements: as it was, if nothing else is put. */
static int
head_write(fkv__txn_t *txn, fkv__head_t *head)
{
    fkv__txn_key_t    *key = &txn->keys[head->at];
    fkv_call_value_t  *value = &head->value;
    fkv__wrote_t       wrote = { .what = FKV__WROTE_PUT, .data = value->data,
                                 .expire_at = value->expire_at,
                                 .type = value->type,
                                 .encver = value->encver };

    if (key->wrote.what == FKV__WROTE_PUT && value->stamp != 0) {
        return FKV_OK;
    }

    if (value->stamp == 0) {
        value->stamp = stamp_new(txn);
    }

    wrote.stamp = value->stamp;

    return fkv__txn_write(txn, key, &wrote);
}


static int
element_write(fkv_call_t *call, fkv__head_t *head, fkv_str_t name,
    const fkv__wrote_t *wrote)
{
    fkv__txn_t      *txn = call->txn;
    fkv__element_t  *element;
    int              rc = head_write(txn, head);

    if (rc != FKV_OK) {
        return rc;
    }

    if (txn->element_bytes
        > fkv_options(call->store)->memory / BYTES_SHARE)
    {
        return FKV_ETOOBIG;
    }

    element = element_of(txn, head, name);

    return (element != NULL) ? fkv__txn_write_element(txn, element, wrote)
                             : FKV_ENOMEM;
}


static int
write_check(fkv_call_t *call, fkv_str_t key, fkv_str_t name, fkv_str_t data)
{
    uint64_t  max = fkv__min(fkv_options(call->store)->blob_min - 1,
                             (uint64_t) FKV_CALL_ELEMENT_MAX);

    if (!call->txn->writes) {
        return fkv_call_fail(call, "ERR this command does not write");
    }

    if (!name_valid(key, name)) {
        return fkv_call_fail(call, "ERR an element has a name of 1 to %zu "
                             "bytes", (size_t) FKV_KEY_BYTES_MAX - key.len);
    }

    if (data.len > max) {
        return fkv_call_fail(call, "ERR an element of a key has at most %llu "
                             "bytes", (unsigned long long) max);
    }

    return FKV_OK;
}


int
fkv_call_put_element(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_str_t name, fkv_str_t data, uint64_t expire_at)
{
    fkv__wrote_t  wrote = { .what = FKV__WROTE_PUT, .data = data,
                            .expire_at = expire_at };
    fkv__head_t   head;
    int           rc = fkv__head_get(call, ns, key, true, &head);

    if (rc == FKV_OK) {
        rc = write_check(call, key, name, data);
    }

    return (rc == FKV_OK) ? element_write(call, &head, name, &wrote) : rc;
}


int
fkv_call_delete_element(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_str_t name)
{
    static const fkv__wrote_t  gone = { .what = FKV__WROTE_DELETE };
    fkv_call_value_t           value;
    fkv__head_t                head;
    int                        rc = fkv__head_get(call, ns, key, true, &head);

    if (rc == FKV_OK) {
        rc = write_check(call, key, name, FKV_STR_NULL);
    }

    if (rc == FKV_OK) {
        rc = fkv_call_get_element(call, ns, key, name, &value);
    }

    return (rc == FKV_OK) ? element_write(call, &head, name, &gone) : rc;
}


/* Does it become part of the update? */
static bool
element_changes(const fkv__txn_t *txn, const fkv__element_t *element)
{
    const fkv__wrote_t  *head = &txn->keys[element->at].wrote;

    if (head->what != FKV__WROTE_PUT || head->stamp != element->stamp) {
        return false;
    }

    return element->wrote.what == FKV__WROTE_PUT
           || (element->wrote.what == FKV__WROTE_DELETE && element->known
               && element->rc == FKV_OK);
}


/* As the engine wants them: of each key in the order of their names. */
static int
elements_compare(const void *a, const void *b)
{
    const fkv__element_t  *x = *(fkv__element_t *const *) a;
    const fkv__element_t  *y = *(fkv__element_t *const *) b;
    int                    rc;

    if (x->at != y->at) {
        return (x->at > y->at) - (x->at < y->at);
    }

    rc = memcmp(x->name.data, y->name.data,
                fkv__min(x->name.len, y->name.len));

    return (rc != 0) ? rc
                     : (x->name.len > y->name.len)
                       - (x->name.len < y->name.len);
}


int
fkv__txn_elements_fill(fkv__txn_t *txn, fkv_change_t *changes)
{
    fkv__element_t  **list;
    fkv_element_t    *out;
    unsigned          count = 0;

    if (txn->element_bytes == 0) {
        return FKV_OK;
    }

    list = fkv__memory_alloc(&txn->run, txn->elements_n * sizeof(*list));
    out = fkv__memory_alloc(&txn->run, txn->elements_n * sizeof(*out));

    if (list == NULL || out == NULL) {
        return FKV_ENOMEM;
    }

    for (unsigned i = 0; i < txn->elements_n; i++) {
        if (element_changes(txn, &txn->elements[i])) {
            list[count++] = &txn->elements[i];
        }
    }

    if (count > 1) {
        qsort(list, count, sizeof(*list), elements_compare);
    }

    for (unsigned i = 0; i < count; i++) {
        const fkv__element_t  *element = list[i];
        fkv_change_t          *change = &changes[element->at];

        if (change->elements_n++ == 0) {
            change->elements = &out[i];
        }

        out[i] = (fkv_element_t) {
            .name = element->name, .value = element->wrote.data,
            .expire_at = element->wrote.expire_at,
            .gone = !fkv__element_put(txn, element)
        };
    }

    return FKV_OK;
}

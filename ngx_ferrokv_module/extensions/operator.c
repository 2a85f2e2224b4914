#include "extensions/operator.h"
#include "extensions/type.h"

#include <pthread.h>

typedef struct entry_s  entry_t;

struct entry_s {
    entry_t                 *next;      /* an older one */
    entry_t                 *made;      /* the one that was made before */
    fkv_type_t               type;
    const fkv_host_store_t  *at;
};

struct fkv_operators_s {
    entry_t  *first;
    entry_t  *made;                     /* all, to be freed */
};

/* What was answered last in a thread: it stays until the next answer. */
static pthread_once_t  answered_once = PTHREAD_ONCE_INIT;
static pthread_key_t   answered;
static int             answered_rc;


static void
answered_free(void *data)
{
    fkv__free(data);
}


static void
answered_init(void)
{
    answered_rc = pthread_key_create(&answered, answered_free);
}


/* data is ours from here on.  FKV_OK · FKV_ENOMEM */
static int
answer_keep(fkv_str_t data)
{
    void  *p = (void *) (uintptr_t) data.data, *old;

    (void) pthread_once(&answered_once, answered_init);
    old = (answered_rc == 0) ? pthread_getspecific(answered) : NULL;

    if (answered_rc != 0 || pthread_setspecific(answered, p) != 0) {
        fkv__free(p);
        return FKV_ENOMEM;
    }

    fkv__free(old);

    return FKV_OK;
}


static const entry_t *
entry_of(const fkv_operators_t *operators, unsigned id)
{
    const entry_t  *entry = __atomic_load_n(&operators->first,
                                            __ATOMIC_ACQUIRE);

    while (entry != NULL && entry->type.id != id) {
        entry = entry->next;
    }

    return entry;
}


/* NULL: its operator is missing. */
static const entry_t *
entry_here(const fkv_operators_t *operators, unsigned id)
{
    const entry_t  *entry = entry_of(operators, id);

    return (entry != NULL && entry->type.full != NULL
            && !fkv_host_quarantined(entry->at))
           ? entry : NULL;
}


static int
operator_full(void *data, uint16_t id, const fkv_chain_t *chain,
    const fkv_value_t *base, const fkv_str_t *ops, unsigned n,
    fkv_merged_t *out)
{
    const entry_t     *entry = entry_here(data, id);
    fkv_call_value_t   value = { .type = 0 };
    int                rc;

    if (entry == NULL) {
        return FKV_EMISSING;
    }

    if (base != NULL) {
        value.data = base->data;
        value.type = base->type;
        value.encver = base->encver;
        value.expire_at = base->expire_at;
    }

    rc = fkv_type_full(&entry->type, entry->at, chain,
                       (base != NULL) ? &value : NULL, ops, n, &out->data);

    if (rc != FKV_OK) {
        return rc;
    }

    out->type = id;
    out->encver = entry->type.encver;

    return answer_keep(out->data);
}


static int
operator_partial(void *data, uint16_t id, const fkv_chain_t *chain,
    const fkv_str_t *ops, unsigned n, fkv_str_t *out)
{
    const entry_t  *entry = entry_here(data, id);
    int             rc;

    if (entry == NULL) {
        return FKV_EMISSING;
    }

    rc = fkv_type_partial(&entry->type, entry->at, chain, ops, n, out);

    return (rc == FKV_OK) ? answer_keep(*out) : rc;
}


static bool
operator_fits(void *data, uint16_t type, uint16_t base)
{
    (void) data;

    return type == base;
}


static bool
operator_renews(void *data, uint16_t type, uint16_t encver)
{
    const entry_t  *entry = entry_of(data, type);

    return entry != NULL && !fkv_host_quarantined(entry->at)
           && encver <= entry->type.encver
           && (entry->type.compact != NULL
               || (entry->type.recode != NULL
                   && encver < entry->type.encver));
}


const fkv_merge_t  fkv_operators_merge = {
    operator_full, operator_partial, operator_fits, operator_renews
};


fkv_operators_t *
fkv_operators_new(void)
{
    return fkv__zalloc(sizeof(fkv_operators_t));
}


void
fkv_operators_free(fkv_operators_t *operators)
{
    entry_t  *entry = operators->made;

    while (entry != NULL) {
        entry_t  *made = entry->made;

        fkv__free(entry);
        entry = made;
    }

    fkv__free(operators);
}


/* The catalog is read again and again, and mostly says the same. */
static bool
is_known(const entry_t *known, const fkv_type_t *type,
    const fkv_host_store_t *at)
{
    if (known == NULL) {
        return type->full == NULL && type->recode == NULL
               && type->compact == NULL;
    }

    return known->type.owner == type->owner && known->type.def == type->def
           && known->type.full == type->full
           && known->type.recode == type->recode
           && known->type.compact == type->compact && known->at == at;
}


int
fkv_operators_set(fkv_operators_t *operators, const fkv_type_t *type,
    const fkv_host_store_t *at)
{
    entry_t  *entry;

    if (is_known(entry_of(operators, type->id), type, at)) {
        return FKV_OK;
    }

    entry = fkv__alloc(sizeof(*entry));

    if (entry == NULL) {
        return FKV_ENOMEM;
    }

    *entry = (entry_t) { .next = operators->first, .made = operators->made,
                         .type = *type, .at = at };
    operators->made = entry;
    __atomic_store_n(&operators->first, entry, __ATOMIC_RELEASE);

    return FKV_OK;
}


void
fkv_operators_clear(fkv_operators_t *operators)
{
    __atomic_store_n(&operators->first, NULL, __ATOMIC_RELEASE);
}

/*
 * cache.c - what the response cache reads: fields of a message, directives of
 * caching, dates, tags, references, and entries as they are stored.
 *
 * All that is kept points into what came.  A date, the names of Vary and a
 * stored entry are the same when they have been written and read again; an
 * entry is kept only if it is safe to send; a list's members make up the list;
 * a reference that is resolved stays in the same place when it is once more.
 *
 * Input    which 1 | lines "Name: value", or the text itself, or an entry,
 *          whose sum is made right
 */

#include "fuzz.h"
#include "base/crc32c.h"
#include "rules/dictionary.h"
#include "rules/entry.h"
#include "rules/invalidate.h"
#include "rules/response.h"
#include "rules/serve.h"
#include "rules/update.h"
#include "rules/vary.h"

#define FIELDS  64
#define NOW_MS  1700000000000

typedef struct {
    fkv_rules_field_t   field[FIELDS];
    fkv_rules_fields_t  all;
} message_t;


/* One line a field; of each a copy, so that nobody reads on. */
static void
message_read(message_t *message, fkv_str_t text)
{
    size_t  n = 0;

    while (text.len > 0 && n < FIELDS) {
        const uint8_t  *end = memchr(text.data, '\n', text.len), *colon;
        fkv_str_t       line = text, name;

        line.len = (end != NULL) ? (size_t) (end - text.data) : text.len;
        text = fkv__str_from(text, line.len + 1);
        colon = (line.len > 0) ? memchr(line.data, ':', line.len) : NULL;

        if (colon == NULL || colon == line.data) {
            continue;
        }

        name = (fkv_str_t) { line.data, (size_t) (colon - line.data) };
        message->field[n].name = fuzz_copy(name);
        message->field[n].value = fuzz_copy(
            fkv_rules_trim(fkv__str_from(line, name.len + 1)));
        message->field[n].id = fkv_rules_name(name);
        n++;
    }

    message->all = (fkv_rules_fields_t) { message->field, n };
}


static void
message_done(message_t *message)
{
    for (size_t i = 0; i < message->all.n; i++) {
        fuzz_free(message->field[i].name);
        fuzz_free(message->field[i].value);
    }
}


/* In the value of one of the fields. */
static bool
is_of(const message_t *message, fkv_str_t part)
{
    for (size_t i = 0; i < message->all.n; i++) {
        if (fuzz_inside(part, message->field[i].value)) {
            return true;
        }
    }

    return part.len == 0;
}


static void
control_is_right(const fkv_rules_control_t *control)
{
    const int64_t  seconds[] = {
        control->max_age_s, control->s_maxage_s, control->max_stale_s,
        control->min_fresh_s, control->while_revalidate_s, control->if_error_s
    };

    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        assert_true(seconds[i] >= FKV_RULES_NONE
                    && seconds[i] <= FKV_RULES_SECONDS_MAX);
    }

    assert_in_range(control->n_without, 0, FKV_RULES_WITHOUT_MAX);
}


static void
entries_are_same(const fkv_rules_entry_t *a, const fkv_rules_entry_t *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->body_len, b->body_len);
    assert_int_equal(a->stamp, b->stamp);
    assert_int_equal(a->request_ms, b->request_ms);
    assert_int_equal(a->date_s, b->date_s);
    assert_int_equal(a->last_modified_s, b->last_modified_s);
    check_str(a->key, b->key);
    check_str(a->etag, b->etag);
    check_str(a->names, b->names);
    check_str(a->variant, b->variant);
    check_str(a->tags, b->tags);
    check_str(a->fields, b->fields);
    assert_int_equal(a->n_tags, b->n_tags);
    assert_int_equal(a->n_fields, b->n_fields);
    assert_int_equal(a->meta_len, b->meta_len);
}


/* Packed with these fields and tags, it is read as what it was. */
static void
entry_stays(const fkv_rules_entry_t *entry, fkv_rules_fields_t fields,
    const fkv_rules_tags_t *tags, fkv_rules_entry_t *again, uint8_t **bytes)
{
    size_t  len;

    *bytes = NULL;

    if (fkv_rules_entry_size(entry, fields, tags, &len) != FKV_OK) {
        return;
    }

    *bytes = malloc(len);
    fkv_rules_entry_pack(entry, fields, tags, *bytes);
    assert_int_equal(fkv_rules_entry_unpack(again,
                         (fkv_str_t) { *bytes, len }), FKV_OK);
    assert_int_equal(again->meta_len, len);
    assert_int_equal(again->n_fields, fields.n);
    assert_int_equal(again->n_tags, tags->n);
}


/* A response as the cache takes it: read, kept, stored, updated. */
static void
response(const message_t *message)
{
    static const fkv_str_t    target[] = { FKV_STR("CDN-Cache-Control") };
    const fkv_rules_policy_t  policy = {
        .target = target, .n_targets = 1, .valid_s = 60,
        .heuristic_percent = 10, .heuristic_max_s = 86400
    };
    size_t                    n, len;
    uint8_t                   names[FKV_RULES_VARY_BYTES_MAX], *bytes;
    uint8_t                   variant[2048];
    fkv_rules_tags_t          tags = { .n = 0 };
    fkv_rules_field_t         kept[FKV_RULES_FIELDS_MAX];
    fkv_rules_response_t      response;
    fkv_rules_entry_t         entry = { .status = 200 }, again;

    fkv_rules_response_read(&response, &policy, message->all, 200, NOW_MS,
                            NOW_MS + 50);
    control_is_right(&response.control);
    assert_true(is_of(message, response.etag));
    assert_true(is_of(message, response.last_modified));

    if (fkv_rules_vary_names(message->all, names, &len) == FKV_OK && len > 0) {
        fkv_str_t  copy = fuzz_copy((fkv_str_t) { names, len });

        assert_true(len <= sizeof(names));
        assert_true(fkv_rules_vary_names_right(copy));
        entry.names = (fkv_str_t) { names, len };

        if (fkv_rules_variant(copy, message->all, variant, sizeof(variant),
                              &len) == FKV_OK)
        {
            assert_true(len <= sizeof(variant));
            entry.variant = (fkv_str_t) { variant, len };
        }

        fuzz_free(copy);
    }

    for (size_t i = 0; i < message->all.n; i++) {
        if (fkv_rules_tags_add(&tags, message->field[i].value) != FKV_OK) {
            tags.n = 0;
        }
    }

    if (fkv_rules_keep(message->all, &response.control, kept, &n) != FKV_OK) {
        return;
    }

    entry.date_s = NOW_MS / 1000;
    entry.last_modified_s = response.last_modified_s;
    entry.etag = response.etag;
    entry.key = FKV_STR("GET /");
    entry_stays(&entry, (fkv_rules_fields_t) { kept, n }, &tags, &again,
                &bytes);

    if (bytes != NULL) {
        fkv_rules_field_t  field;
        fkv_str_t          fields = again.fields;

        for (size_t i = 0; i < n; i++) {
            assert_true(fkv_rules_field_safe(kept[i]));
            assert_true(fkv_rules_entry_field(&fields, &field));
            check_str(field.name, kept[i].name);
            check_str(field.value, kept[i].value);
        }

        assert_false(fkv_rules_entry_field(&fields, &field));
        check_str(again.etag, entry.etag);
        check_str(again.names, entry.names);
        check_str(again.variant, entry.variant);
    }

    free(bytes);

    (void) fkv_rules_update((fkv_rules_fields_t) { kept, n }, message->all,
                            &response.control, kept, &n);
}


/* A request that a stored response may answer. */
static void
request(const message_t *message)
{
    fkv_rules_fresh_t       fresh = { .response_ms = NOW_MS,
                                      .lifetime_ms = 1000 };
    fkv_rules_served_t      served;
    fkv_rules_control_t     control;
    fkv_rules_validators_t  stored = { FKV_STR("\"a\""), 1600000000 };

    fkv_rules_control_init(&control);

    for (size_t i = 0; i < message->all.n; i++) {
        fkv_rules_control_add(&control, message->field[i].value);
    }

    control_is_right(&control);
    (void) fkv_rules_control_without(&control, FKV_STR("set-cookie"));
    fkv_rules_serve(&served, &fresh, &control, NOW_MS + 5000);
    assert_true(served.age_s >= 0);
    (void) fkv_rules_not_modified(message->all, &stored, 1600000000,
                                  NOW_MS / 1000);
    (void) fkv_rules_control_targeted(&control, message->all,
                                      FKV_STR("CDN-Cache-Control"));
    control_is_right(&control);
}


static void
date(fkv_str_t text)
{
    int64_t  date, again;
    uint8_t  out[FKV_RULES_DATE_LEN];

    if (fkv_rules_date_parse(text, NOW_MS / 1000, &date) != FKV_OK
        || date < 0 || date > FKV_RULES_DATE_MAX)
    {
        return;
    }

    assert_true(fkv_rules_date_print(out, date) == out + sizeof(out));
    assert_int_equal(fkv_rules_date_parse((fkv_str_t) { out, sizeof(out) },
                                          NOW_MS / 1000, &again), FKV_OK);
    assert_int_equal(again, date);
}


/* Members lie in the list, one behind the other. */
static void
lists(fkv_str_t text)
{
    int                 rc;
    fkv_str_t           rest = text, member = { text.data, 0 }, last;
    fkv_rules_member_t  pair;

    do {
        last = member;
        assert_true(fuzz_inside(last, text));
    } while (fkv_rules_list_next(&rest, &member)
             && member.data >= last.data + last.len && member.len > 0);

    assert_int_equal(rest.len, 0);

    rest = fkv_rules_dictionary(text);

    while ((rc = fkv_rules_dictionary_next(&rest, &pair)) == FKV_OK) {
        assert_true(pair.key.len > 0 && fuzz_inside(pair.key, text));
        assert_true(fuzz_inside(pair.text, text));
    }

    assert_true(rc == FKV_END || rc == FKV_EINVAL);
    rest = text;

    while (fkv_rules_etag_next(&rest, &member) == FKV_OK) {
        assert_true(fuzz_inside(member, text));
        assert_true(fkv_rules_etag(member));
        assert_true(fkv_rules_etag_same_weak(member, member));
    }
}


static void
resolve(fkv_str_t text)
{
    const fkv_rules_target_t  target = {
        FKV_STR("http"), FKV_STR("example.com"), FKV_STR("/a/b/c?d=/e")
    };
    size_t                    room = target.uri.len + text.len + 1, len, n;
    uint8_t                  *out = malloc(room), *again = malloc(room * 2);
    int                       rc = fkv_rules_resolve(&target, text, out, room,
                                                     &len);

    if (rc == FKV_OK) {
        assert_in_range(len, 1, room);
        assert_int_equal(out[0], '/');
        assert_true(memchr(out, '#', len) == NULL);

        /* "//" would be an authority. */
        if (len == 1 || out[1] != '/') {
            fkv_str_t  copy = fuzz_copy((fkv_str_t) { out, len });

            assert_int_equal(fkv_rules_resolve(&target, copy, again, room * 2,
                                               &n), FKV_OK);
            check_str((fkv_str_t) { again, n }, copy);
            fuzz_free(copy);
        }

    } else {
        assert_true(rc == FKV_NOTFOUND || rc == FKV_EINVAL);
    }

    free(out);
    free(again);
}


/* Bytes of the store, as an entry. */
static void
stored(fkv_str_t bytes)
{
    uint8_t            *data = (uint8_t *) (uintptr_t) bytes.data, *packed;
    uint32_t            len;
    fkv_str_t           fields, tags;
    fkv_rules_tags_t    list = { .n = 0 };
    fkv_rules_entry_t   entry, again;
    fkv_rules_field_t   field[FKV_RULES_FIELDS_MAX];
    fkv_rules_fields_t  all = { field, 0 };

    if (bytes.len < FKV_RULES_ENTRY_HEAD_BYTES) {
        return;
    }

    len = fkv__get_le32(data + 8);

    if (len >= FKV_RULES_ENTRY_HEAD_BYTES && len <= bytes.len) {
        fkv__put_le32(data, fkv__crc32c(0, data + 4, len - 4));
    }

    if (fkv_rules_entry_unpack(&entry, bytes) != FKV_OK) {
        return;
    }

    assert_int_equal(fkv_rules_entry_peek((fkv_str_t) { data,
                         FKV_RULES_ENTRY_HEAD_BYTES }, &len), FKV_OK);
    assert_int_equal(len, entry.meta_len);
    fields = entry.fields;
    tags = entry.tags;

    while (all.n < FKV_RULES_FIELDS_MAX
           && fkv_rules_entry_field(&fields, &field[all.n]))
    {
        all.n++;
    }

    while (list.n < FKV_RULES_TAGS_MAX
           && fkv_rules_entry_tag(&tags, &list.tag[list.n]))
    {
        list.n++;
    }

    if (fields.len > 0 || tags.len > 0) {
        return;
    }

    assert_int_equal(all.n, entry.n_fields);
    assert_int_equal(list.n, entry.n_tags);
    entry_stays(&entry, all, &list, &again, &packed);

    /* What is not safe to send has a right sum here only. */
    if (packed != NULL) {
        entries_are_same(&again, &entry);
        free(packed);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_t     in = { data, size };
    uint8_t    which = fuzz_byte(&in);
    fkv_str_t  text = fuzz_copy(fuzz_rest(&in));
    message_t  message = { .all = { NULL, 0 } };

    switch (which % 4) {
    case 0:
        message_read(&message, text);
        response(&message);
        break;
    case 1:
        message_read(&message, text);
        request(&message);
        break;
    case 2:
        date(text);
        lists(text);
        resolve(text);
        break;
    case 3:
        stored(text);
        break;
    }

    message_done(&message);
    fuzz_free(text);

    return 0;
}

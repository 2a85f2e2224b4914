/*
 * request.c - bytes that a client of the Redis protocol sends.
 *
 * However they come, in one piece or in many, they are the same requests, or
 * end in the same error; arguments lie in what was sent and obey the limits;
 * a request written as an array of its arguments is that request again.
 *
 * Input    limits 1 | length of the first piece 1 | of those that follow 1
 *          | what is sent
 */

#include "fuzz.h"
#include "commands/request.h"

static const fkv_request_limits_t  limits[] = {
    { .bulk_max = 1000, .request_max = 5000, .authenticated = true },
    { .bulk_max = 1 << 20, .request_max = 1 << 22, .authenticated = true },
    { .bulk_max = 1 << 20, .request_max = 1 << 22, .authenticated = false },
    { .bulk_max = UINT64_MAX, .request_max = UINT64_MAX,
      .authenticated = true }
};


static void
say(fkv__buf_t *said, const void *data, size_t len)
{
    assert_int_equal(fkv__buf_append(said, data, len), FKV_OK);
}


/* The same arguments again, as a client's library writes them. */
static void
write_and_read(const fkv_parser_t *parser)
{
    char          text[32];
    int           rc;
    fkv_str_t     copy;
    fkv__buf_t    out = { .data = NULL };
    fkv_parser_t  again = { .argc = 0 };

    say(&out, text, (size_t) sprintf(text, "*%u\r\n", parser->argc));

    for (unsigned i = 0; i < parser->argc; i++) {
        say(&out, text, (size_t) sprintf(text, "$%zu\r\n",
                                         parser->argv[i].len));
        say(&out, parser->argv[i].data, parser->argv[i].len);
        say(&out, "\r\n", 2);
    }

    copy = fuzz_copy(fkv__buf_str(&out));
    rc = fkv_parser_next(&again, (uint8_t *) (uintptr_t) copy.data, copy.len,
                         &limits[3]);
    assert_int_equal(rc, FKV_OK);
    assert_int_equal(again.used, copy.len);
    assert_int_equal(again.argc, parser->argc);

    for (unsigned i = 0; i < parser->argc; i++) {
        check_str(again.argv[i], parser->argv[i]);
    }

    fuzz_free(copy);
    fkv_parser_done(&again);
    fkv__buf_done(&out);
}


static void
heard(const fkv_parser_t *parser, fkv_str_t buffer,
    const fkv_request_limits_t *of, fkv__buf_t *said)
{
    assert_in_range(parser->used, 1, buffer.len);
    assert_true(of->authenticated || buffer.data[0] != '*'
                || parser->argc <= FKV_REQUEST_UNAUTHENTICATED_ARGS);

    for (unsigned i = 0; i < parser->argc; i++) {
        fkv_str_t  arg = parser->argv[i];

        assert_true(fuzz_inside(arg, (fkv_str_t) { buffer.data,
                                                   parser->used }));
        assert_true(arg.len <= of->bulk_max || buffer.data[0] != '*');
        say(said, &arg.len, sizeof(arg.len));
        say(said, arg.data, arg.len);
    }

    say(said, "|", 1);
    write_and_read(parser);
}


/*
 * What a connection hears of bytes that come so.  The buffer is the same one
 * until a request is done with, but lies elsewhere with each piece.
 */
static void
listen_to(fkv_str_t bytes, size_t first, size_t step,
    const fkv_request_limits_t *of, fkv__buf_t *said)
{
    int           rc = FKV_AGAIN;
    size_t        come = fkv__min(first, bytes.len);
    fkv_str_t     buffer = fuzz_copy((fkv_str_t) { bytes.data, come });
    fkv_parser_t  parser = { .argc = 0 };

    for ( ;; ) {
        uint8_t  *data = (uint8_t *) (uintptr_t) buffer.data, *next;
        size_t    more, keep = buffer.len, skip = 0;

        if (buffer.len > 0) {
            rc = fkv_parser_next(&parser, data, buffer.len, of);
        }

        if (rc == FKV_OK) {
            heard(&parser, buffer, of, said);
            skip = parser.used;

        } else if (rc == FKV_EINVAL) {
            say(said, "!", 1);
            say(said, parser.error, strlen(parser.error));
            break;

        } else {
            assert_int_equal(rc, FKV_AGAIN);
            assert_true(buffer.len == 0 || parser.wanted > buffer.len);

            if (come == bytes.len) {
                say(said, "...", buffer.len > 0 ? 3 : 0);
                break;
            }
        }

        more = (rc == FKV_OK) ? 0 : fkv__min(step, bytes.len - come);
        keep -= skip;
        next = malloc(keep + more + 1);
        memcpy(next, data + skip, keep);
        memcpy(next + keep, bytes.data + come, more);
        come += more;
        free(data);

        buffer = fuzz_copy((fkv_str_t) { next, keep + more });
        free(next);
        rc = FKV_AGAIN;
    }

    fuzz_free(buffer);
    fkv_parser_done(&parser);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_t                       in = { data, size };
    const fkv_request_limits_t  *of = &limits[fuzz_byte(&in) % 4];
    size_t                       first = fuzz_byte(&in);
    size_t                       step = 1u + fuzz_byte(&in);
    fkv_str_t                    bytes = fuzz_rest(&in);
    fkv__buf_t                   whole = { .data = NULL }, pieces = whole;

    listen_to(bytes, bytes.len, bytes.len, of, &whole);
    listen_to(bytes, first, step, of, &pieces);

    check_str(fkv__buf_str(&pieces), fkv__buf_str(&whole));

    fkv__buf_done(&whole);
    fkv__buf_done(&pieces);

    return 0;
}

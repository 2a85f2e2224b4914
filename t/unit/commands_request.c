/*
 * commands_request.c - requests, however their bytes come.
 */

#include "check.h"
#include "commands/request.h"

#define SAID_MAX  (1024 * 1024)

static const fkv_request_limits_t  limits = {
    .bulk_max = 1000, .request_max = 5000, .authenticated = true
};


/* What a parser says of a connection: "[a][b]|[]|!error", "..." is missing. */
typedef struct {
    char    *text;
    size_t   len;
} said_t;


static void
say(said_t *said, const void *data, size_t len)
{
    assert_true(said->len + len < SAID_MAX);
    memcpy(said->text + said->len, data, len);
    said->len += len;
    said->text[said->len] = '\0';
}


static void
say_request(said_t *said, const fkv_parser_t *parser)
{
    for (unsigned i = 0; i < parser->argc; i++) {
        say(said, "[", 1);
        say(said, parser->argv[i].data, parser->argv[i].len);
        say(said, "]", 1);
    }

    say(said, "|", 1);
}


/*
 * The requests in data[from, to), of which the parser has heard those up to
 * from; every call sees the bytes at another place.  Where it ends.
 */
static size_t
parse(fkv_parser_t *parser, const uint8_t *data, size_t from, size_t to,
    const fkv_request_limits_t *of, said_t *said)
{
    for ( ;; ) {
        uint8_t  *copy = check_copy(data + from, to - from);
        int       rc = fkv_parser_next(parser, copy, to - from, of);

        if (rc == FKV_OK) {
            assert_in_range(parser->used, 1, to - from);
            say_request(said, parser);
            from += parser->used;
        }

        if (rc == FKV_AGAIN) {
            assert_true(parser->wanted > to - from);
        }

        if (rc == FKV_EINVAL) {
            say(said, "!", 1);
            say(said, parser->error, strlen(parser->error));
            from = SIZE_MAX;
        }

        free(copy);

        if (rc != FKV_OK) {
            return from;
        }
    }
}


/* All in pieces of `step` bytes, the first of `first`. */
static void
parse_pieces(const uint8_t *data, size_t len, size_t first, size_t step,
    const fkv_request_limits_t *of, said_t *said)
{
    size_t        from = 0, to = first;
    fkv_parser_t  parser = { .argc = 0 };

    said->len = 0;
    said->text[0] = '\0';

    for ( ;; ) {
        from = parse(&parser, data, from, to, of, said);

        if (from == SIZE_MAX || to == len) {
            break;
        }

        to = fkv__min(to + step, len);
    }

    if (from != SIZE_MAX && from < len) {
        say(said, "...", 3);
    }

    fkv_parser_done(&parser);
}


static void
expect_of(const void *data, size_t len, const fkv_request_limits_t *of,
    const char *expected)
{
    said_t  said = { malloc(SAID_MAX), 0 };

    for (size_t first = 1; first <= len; first++) {
        parse_pieces(data, len, first, len, of, &said);
        assert_string_equal(said.text, expected);
    }

    parse_pieces(data, len, 1, 1, of, &said);
    assert_string_equal(said.text, expected);

    free(said.text);
}


static void
expect(const char *data, const char *expected)
{
    expect_of(data, strlen(data), &limits, expected);
}


static void
arrays(void **state)
{
    (void) state;

    expect("*1\r\n$4\r\nPING\r\n", "[PING]|");
    expect("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$0\r\n\r\n", "[SET][a][]|");
    expect("*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$12\r\n*1\r\n$1\r\nab\r\n"
           "\r\n", "[PING]|[GET][*1\r\n$1\r\nab\r\n]|");
    expect("*0\r\n*-1\r\n*-99\r\n*1\r\n$1\r\nx\r\n", "|||[x]|");
    expect("*1\r\n$4\r\nPINGxx*1\r\n$1\r\nx\r\n", "[PING]|[x]|");
    expect("*2\r\n$1\r\na\r\n$10\r\n12345", "...");
    expect("*10\r\n", "...");
    expect("*1048577\r\n", "...");
}


static void
lines(void **state)
{
    (void) state;

    expect("PING\r\n", "[PING]|");
    expect("PING\nGET  a\t b \n", "[PING]|[GET][a][b]|");
    expect("\r\n\n  \r\nPING\r\n", "|||[PING]|");
    expect("PING", "...");
    expect("set \"a b\" 'c d'\r\n", "[set][a b][c d]|");
    expect("x \"\" ''\n", "[x][][]|");
    expect("a\"b c\"\n", "[ab c]|");
    expect("x \"\\x41\\n\\\\\\\"\\q\\x4\" 'a\\'b\\n'\n",
           "[x][A\n\\\"qx4][a'b\\n]|");
    expect("$3\r\n", "[$3]|");
    expect("PING\r\n*1\r\n$4\r\nPING\r\nPING\r\n", "[PING]|[PING]|[PING]|");
}


static void
errors(void **state)
{
    static const char  length[] = "!Protocol error: invalid bulk length";
    static const char  count[] = "!Protocol error: invalid multibulk length";
    static const char  quotes[] =
        "!Protocol error: unbalanced quotes in request";

    (void) state;

    expect("*x\r\n", count);
    expect("*\r\n", count);
    expect("*01\r\n", count);
    expect("*+1\r\n", count);
    expect("*1 \r\n", count);
    expect("*2147483648\r\n", count);
    expect("*99999999999999999999999999\r\n", count);

    expect("*1\r\n$-1\r\n", length);
    expect("*2\r\n$1\r\na\r\n$x\r\n", length);
    expect("*1\r\n$\r\n", length);
    expect("*1\r\n$1001\r\n", length);
    expect("*1\r\n$99999999999999999999999999\r\n", length);

    expect("*1\r\n+PING\r\n", "!Protocol error: expected '$', got '+'");
    expect("*1\r\n\r\n", "!Protocol error: expected '$', got ' '");
    expect("*2\r\n$1\r\na\r\nb", "!Protocol error: expected '$', got 'b'");

    expect("set \"a\r\n", quotes);
    expect("set 'a\r\n", quotes);
    expect("set \"a\"b\r\n", quotes);
    expect("set 'a'b\r\n", quotes);
    expect("set \"a\\\"\r\n", quotes);
    expect("PING\r\nset \"\r\nPING\r\n",
           "[PING]|!Protocol error: unbalanced quotes in request");
}


/* What has no end, of so many bytes, in two pieces and in pieces of 1000. */
static void
endless(const char *head, size_t len, const char *tail, const char *expected)
{
    said_t   said = { malloc(SAID_MAX), 0 };
    size_t   head_len = strlen(head), all = head_len + len + strlen(tail);
    char    *data = malloc(all + 1);

    memcpy(data, head, head_len);
    memset(data + head_len, '1', len);
    memcpy(data + head_len + len, tail, strlen(tail) + 1);

    parse_pieces((uint8_t *) data, all, all, all, &limits, &said);
    assert_string_equal(said.text, expected);
    parse_pieces((uint8_t *) data, all, 1, 1000, &limits, &said);
    assert_string_equal(said.text, expected);

    free(data);
    free(said.text);
}


static void
lines_that_do_not_end(void **state)
{
    static const char  line[] = "!Protocol error: too big inline request";

    (void) state;

    endless("", 65536, "", "...");
    endless("", 65537, "", line);
    endless("", 65537, "\n", line);
    endless("*", 65536, "", "!Protocol error: too big mbulk count string");
    endless("*1\r\n$", 65536, "",
            "!Protocol error: too big bulk count string");
}


static void
requests_are_bounded(void **state)
{
    static const char  big[] = "*6\r\n"
        "$1\r\na\r\n" "$1\r\na\r\n" "$1\r\na\r\n" "$1\r\na\r\n" "$30\r\n";
    fkv_request_limits_t  of = { .bulk_max = 30, .authenticated = true };

    (void) state;

    of.request_max = sizeof(big) - 1 + 30;
    expect_of(big, sizeof(big) - 1, &of, "...");
    of.request_max--;
    expect_of(big, sizeof(big) - 1, &of, "!Protocol error: too big request");
}


static void
strangers_are_bounded(void **state)
{
    fkv_request_limits_t  of = { .bulk_max = 1 << 20, .request_max = 1 << 20 };

    (void) state;

    expect_of("*10\r\n", 5, &of, "...");
    expect_of("*11\r\n", 5, &of,
              "!Protocol error: unauthenticated multibulk length");
    expect_of("*1\r\n$16384\r\n", 12, &of, "...");
    expect_of("*1\r\n$16385\r\n", 12, &of,
              "!Protocol error: unauthenticated bulk length");
}


static void
many_arguments(void **state)
{
    fkv_request_limits_t  of = { 10, 1 << 20, true };
    fkv_parser_t          parser = { .argc = 0 };
    char                 *data = malloc(8 + 5000 * 7 + 1);
    size_t                len = 0;

    (void) state;

    len += (size_t) sprintf(data, "*5000\r\n");

    for (unsigned i = 0; i < 5000; i++) {
        len += (size_t) sprintf(data + len, "$1\r\n%u\r\n", i % 10);
    }

    assert_int_equal(fkv_parser_next(&parser, (uint8_t *) data, len, &of),
                     FKV_OK);
    assert_int_equal(parser.used, len);
    assert_int_equal(parser.argc, 5000);

    for (unsigned i = 0; i < 5000; i++) {
        assert_int_equal(parser.argv[i].len, 1);
        assert_int_equal(parser.argv[i].data[0], '0' + i % 10);
    }

    /* the large array does not stay */
    assert_int_equal(fkv_parser_next(&parser, (uint8_t *) data, 5, &of),
                     FKV_AGAIN);
    assert_true(parser.argv_max < 5000);

    fkv_parser_done(&parser);
    free(data);
}


/* Whatever comes, it says the same in pieces and whole, and ends. */
static void
random_bytes_are_understood_the_same_in_pieces(void **state)
{
    static const char  letters[] = "*$0123-\r\n\r\n\r\nab \"'\\x";
    uint64_t           seed = 0x5eed;
    said_t             whole = { malloc(SAID_MAX), 0 };
    said_t             pieces = { malloc(SAID_MAX), 0 };

    (void) state;

    for (unsigned round = 0; round < 50000; round++) {
        uint8_t  data[64];
        size_t   len = 1 + check_random(&seed) % sizeof(data);
        bool     wild = (check_random(&seed) % 8 == 0);

        for (size_t i = 0; i < len; i++) {
            uint64_t  r = check_random(&seed) >> 20;

            data[i] = wild ? (uint8_t) r
                           : (uint8_t) letters[r % (sizeof(letters) - 1)];
        }

        parse_pieces(data, len, len, len, &limits, &whole);
        parse_pieces(data, len, 1 + check_random(&seed) % len,
                     1 + check_random(&seed) % 4, &limits, &pieces);
        assert_int_equal(whole.len, pieces.len);
        assert_memory_equal(whole.text, pieces.text, whole.len);
    }

    free(whole.text);
    free(pieces.text);
}


static void
browsers_are_known(void **state)
{
    (void) state;

    assert_true(fkv_request_is_http(FKV_STR("POST")));
    assert_true(fkv_request_is_http(FKV_STR("host:")));
    assert_false(fkv_request_is_http(FKV_STR("GET")));
    assert_false(fkv_request_is_http(FKV_STR("POSTS")));
    assert_false(fkv_request_is_http(FKV_STR("host")));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(arrays),
        cmocka_unit_test(lines),
        cmocka_unit_test(errors),
        cmocka_unit_test(lines_that_do_not_end),
        cmocka_unit_test(requests_are_bounded),
        cmocka_unit_test(strangers_are_bounded),
        cmocka_unit_test(many_arguments),
        cmocka_unit_test(random_bytes_are_understood_the_same_in_pieces),
        cmocka_unit_test(browsers_are_known),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}

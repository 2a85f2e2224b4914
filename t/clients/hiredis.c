/*
 * hiredis.c - hiredis, synchronous: replies of all types, bytes, pipelines.
 */

#include <hiredis/hiredis.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static void
die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}


/* A status, string or error: this type, this text. */
static void
is_text(redisReply *reply, int type, const char *text, const char *what)
{
    if (reply == NULL) {
        die(what, "no reply");
    }

    if (reply->type != type || strcmp(reply->str, text) != 0) {
        die(what, reply->str != NULL ? reply->str : "of another type");
    }

    freeReplyObject(reply);
}


static void
is_integer(redisReply *reply, long long n, const char *what)
{
    if (reply == NULL) {
        die(what, "no reply");
    }

    if (reply->type != REDIS_REPLY_INTEGER || reply->integer != n) {
        die(what, "another number");
    }

    freeReplyObject(reply);
}


static void
single_commands(redisContext *c)
{
    redisReply  *reply;

    is_text(redisCommand(c, "SET %s %s", "hi:a", "A b"), REDIS_REPLY_STATUS,
            "OK", "SET");
    is_text(redisCommand(c, "GET hi:a"), REDIS_REPLY_STRING, "A b", "GET");
    is_text(redisCommand(c, "INCR hi:a"), REDIS_REPLY_ERROR,
            "ERR value is not an integer or out of range", "INCR");
    is_integer(redisCommand(c, "STRLEN hi:a"), 3, "STRLEN");

    reply = redisCommand(c, "GET hi:none");
    if (reply == NULL || reply->type != REDIS_REPLY_NIL) {
        die("GET", "not nil");
    }
    freeReplyObject(reply);

    is_text(redisCommand(c, "SET hi:b %b", "\0\r\n\xff", (size_t) 4),
            REDIS_REPLY_STATUS, "OK", "SET of bytes");
    reply = redisCommand(c, "GET hi:b");
    if (reply == NULL || reply->len != 4
        || memcmp(reply->str, "\0\r\n\xff", 4) != 0)
    {
        die("GET of bytes", "other bytes");
    }
    freeReplyObject(reply);

    reply = redisCommand(c, "MGET hi:a hi:none");
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != 2
        || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[1]->type != REDIS_REPLY_NIL)
    {
        die("MGET", "another array");
    }
    freeReplyObject(reply);
}


static void
pipeline(redisContext *c, int n)
{
    void  *reply;

    is_integer(redisCommand(c, "DEL hi:n"), 0, "DEL");

    for (int i = 0; i < n; i++) {
        if (redisAppendCommand(c, "INCR hi:n") != REDIS_OK) {
            die("append", c->errstr);
        }
    }

    for (int i = 0; i < n; i++) {
        if (redisGetReply(c, &reply) != REDIS_OK) {
            die("pipeline", c->errstr);
        }

        is_integer(reply, i + 1, "INCR in a pipeline");
    }
}


int
main(int argc, char **argv)
{
    redisContext  *c = redisConnect("127.0.0.1", argc > 1 ? atoi(argv[1]) : 0);

    if (c == NULL || c->err) {
        die("connect", c != NULL ? c->errstr : "no memory");
    }

    single_commands(c);
    pipeline(c, 10000);
    redisFree(c);

    return 0;
}

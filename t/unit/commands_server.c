/*
 * commands_server.c - commands about the server, as RESP2 has their answers.
 */

#include "live.h"
#include "commands/check.h"
#include "commands/help.h"
#include "commands/resp.h"
#include "commands/server.h"

#define WORDS_MAX  16

static live_t        live;
static fkv_server_t  server;
static fkv__buf_t    answer;        /* NUL-terminated */


static int
server_setup(void **state)
{
    const uint64_t  random[3] = { 1, 2, 3 };

    (void) state;

    live_dir(&live);
    live.quiet = true;
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);

    server = (fkv_server_t) {
        .store = live.store, .options = fkv_options(live.store),
        .meter = fkv_meter_open(1000, random), .name = "main",
        .version = "1.2.3", .host = "nginx", .executable = "/usr/sbin/nginx",
        .config = "/etc/nginx/nginx.conf", .port = 6379, .processes = 2,
        .clients_max = 512, .output_max = 4096
    };
    assert_non_null(server.meter);

    live_attach(&live, FKV_WORKER);
    fkv_meter_attach(server.meter, fkv_slot(live.store));

    return 0;
}


static int
server_teardown(void **state)
{
    (void) state;

    fkv__buf_done(&answer);
    fkv_meter_close(server.meter);
    live_detach_close(&live);
    live_remove(&live);

    return 0;
}


static unsigned
words_of(char *line, fkv_str_t *argv)
{
    unsigned  n = 0;

    for (char *word = strtok(line, " "); word != NULL;
         word = strtok(NULL, " "))
    {
        assert_true(n < WORDS_MAX);

        /* "" is what a blank cannot say */
        argv[n++] = live_str(strcmp(word, "\"\"") == 0 ? "" : word);
    }

    return n;
}


/* What the words of the line, a command, are answered. */
static const char *
ask_in(const char *line, unsigned protocol)
{
    char                  copy[256];
    fkv_str_t             argv[WORDS_MAX];
    fkv_reply_t           reply = { .rc = FKV_OK };
    const fkv_command_t  *command;
    fkv_call_t            call = {
        .argv = argv, .now_ms = 1500000000123, .store = live.store,
        .reply = &reply, .server = &server
    };

    assert_true(strlen(line) < sizeof(copy));
    strcpy(copy, line);
    call.argc = words_of(copy, argv);

    if (fkv_command_check(&command, argv, call.argc,
                          FKV_COMMAND_WRITE | FKV_COMMAND_ADMIN, NULL, &reply)
        == FKV_OK)
    {
        if (command->subs != NULL && call.argc > 1) {
            fkv_command_help(command, &reply);

        } else {
            call.command = command;
            (void) command->call(&call);
        }
    }

    answer.len = 0;
    assert_int_equal(fkv_resp_put(&answer, &reply, protocol), FKV_OK);
    assert_int_equal(fkv__buf_append(&answer, "", 1), FKV_OK);
    fkv_reply_done(&reply);

    return (const char *) answer.data;
}


static const char *
ask(const char *line)
{
    return ask_in(line, 2);
}


static void
check_all(const char *const (*pairs)[2])
{
    for ( ; (*pairs)[0] != NULL; pairs++) {
        if (strcmp(ask((*pairs)[0]), (*pairs)[1]) != 0) {
            fail_msg("%s: %s, not %s", (*pairs)[0],
                     (const char *) answer.data, (*pairs)[1]);
        }
    }
}


static void
has(const char *text)
{
    if (strstr((const char *) answer.data, text) == NULL) {
        fail_msg("no \"%s\" in %s", text, (const char *) answer.data);
    }
}


static void
errors_are_those_of_redis(void **state)
{
    static const char *const  pairs[][2] = {
        { "config", "-ERR wrong number of arguments for 'config' command\r\n" },
        { "config foo",
          "-ERR unknown subcommand 'foo'. Try CONFIG HELP.\r\n" },
        { "CONFIG get",
          "-ERR wrong number of arguments for 'config|get' command\r\n" },
        { "config rewrite",
          "-ERR The server is running without a config file\r\n" },
        { "slowlog get -2",
          "-ERR count should be greater than or equal to -1\r\n" },
        { "slowlog get x",
          "-ERR count should be greater than or equal to -1\r\n" },
        { "slowlog get 1 2",
          "-ERR unknown subcommand or wrong number of arguments for 'get'. "
          "Try SLOWLOG HELP.\r\n" },
        { "wait a 1",
          "-ERR value is not an integer or out of range\r\n" },
        { "wait 0 -1", "-ERR timeout is negative\r\n" },
        { "wait 0 x", "-ERR timeout is not an integer or out of range\r\n" },
        { "function flush x",
          "-ERR FUNCTION FLUSH only supports SYNC|ASYNC option\r\n" },
        { "script flush async sync",
          "-ERR SCRIPT FLUSH only support SYNC|ASYNC option\r\n" },
        { "function load",
          "-ERR unknown subcommand 'load'. Try FUNCTION HELP.\r\n" },
        { "latency graph x",
          "-ERR No samples available for event 'x'\r\n" },
        { "time x", "-ERR wrong number of arguments for 'time' command\r\n" },
        { "command list x", "-ERR syntax error\r\n" },
        { "command list filterby foo bar", "-ERR syntax error\r\n" },
        { "command getkeys nosuch a", "-ERR Invalid command specified\r\n" },
        { "command getkeys time x",
          "-ERR The command has no key arguments\r\n" },
        { NULL, NULL }
    };

    (void) state;

    check_all(pairs);
}


static void
small_ones_answer_as_redis_does(void **state)
{
    static const char *const  pairs[][2] = {
        { "time", "*2\r\n$10\r\n1500000000\r\n$6\r\n123000\r\n" },
        { "lastsave", ":1500000000\r\n" },
        { "wait -1 0", ":0\r\n" },
        { "function flush", "+OK\r\n" },
        { "script flush sync", "+OK\r\n" },
        { "latency latest", "*0\r\n" },
        { "latency history x", "*0\r\n" },
        { "latency reset a b", ":0\r\n" },
        { "latency histogram get", "*0\r\n" },
        { "slowlog get", "*0\r\n" },
        { "slowlog len", ":0\r\n" },
        { "slowlog reset", "+OK\r\n" },
        { NULL, NULL }
    };

    (void) state;

    check_all(pairs);
}


static void
parameters_are_what_was_set(void **state)
{
    static const char *const  pairs[][2] = {
        { "config get maxmemory", "*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n" },
        { "config set maxmemory 64mb maxmemory-policy ALLKEYS-lru", "+OK\r\n" },
        { "config get MaxMemory*",
          "*4\r\n$9\r\nmaxmemory\r\n$8\r\n67108864\r\n"
          "$16\r\nmaxmemory-policy\r\n$11\r\nallkeys-lru\r\n" },
        { "config get nosuch", "*0\r\n" },
        { "config get [", "*0\r\n" },
        { "config get save databases",
          "*4\r\n$9\r\ndatabases\r\n$2\r\n16\r\n$4\r\nsave\r\n$0\r\n\r\n" },
        { "config set save \"\" appendonly yes", "+OK\r\n" },
        { "config set slowlog-max-len 3 slowlog-log-slower-than -1",
          "+OK\r\n" },
        { "config get slowlog*",
          "*4\r\n$23\r\nslowlog-log-slower-than\r\n$2\r\n-1\r\n"
          "$15\r\nslowlog-max-len\r\n$1\r\n3\r\n" },
        { "config set maxmemory 0", "+OK\r\n" },
        { "config set maxmemory-policy noeviction", "+OK\r\n" },
        { NULL, NULL }
    };
    fkv_stats_t               stats;

    (void) state;

    check_all(pairs);

    assert_string_equal(ask("config set maxmemory 1gb maxmemory-policy "
                            "volatile-ttl"), "+OK\r\n");
    fkv_stats(live.store, &stats);
    assert_int_equal(stats.max_size, 1 << 30);
    assert_int_equal(stats.evict, FKV_EVICT_TTL);

    (void) ask("info memory");
    has("maxmemory:1073741824\r\nmaxmemory_human:1.00G\r\n"
        "maxmemory_policy:volatile-ttl\r\n");
}


/* Of a wrong SET nothing is done. */
static void
what_cannot_be_set_says_why(void **state)
{
#define FAILED(name)  "-ERR CONFIG SET failed (possibly related to argument " \
                      "'" name "') - "

    static const char *const  pairs[][2] = {
        { "config set foo bar",
          "-ERR Unknown option or number of arguments for CONFIG SET - "
          "'foo'\r\n" },
        { "config set maxmemory 1gb save", "-ERR syntax error\r\n" },
        { "config set databases 3",
          FAILED("databases") "can't set immutable config\r\n" },
        { "config set maxmemory abc",
          FAILED("maxmemory") "argument must be a memory value\r\n" },
        { "config set maxmemory -1",
          FAILED("maxmemory") "argument must be a memory value\r\n" },
        { "config set maxmemory 9999999999999gb",
          FAILED("maxmemory") "argument must be a memory value\r\n" },
        { "config set maxmemory 1gb maxmemory 2gb",
          FAILED("maxmemory") "duplicate parameter\r\n" },
        { "config set maxmemory 1gb maxmemory-policy foo",
          FAILED("maxmemory-policy") "argument(s) must be one of the "
          "following: volatile-ttl, allkeys-lru, allkeys-lfu, "
          "allkeys-random, noeviction\r\n" },
        { "config set slowlog-max-len x",
          FAILED("slowlog-max-len") "argument couldn't be parsed into an "
          "integer\r\n" },
        { "config set slowlog-max-len -1",
          FAILED("slowlog-max-len") "argument must be between 0 and 1024 "
          "inclusive\r\n" },
        { "config set save 900",
          FAILED("save") "it is not set here: nginx.conf decides, or there is "
          "no such thing\r\n" },
        { "config get maxmemory", "*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n" },
        { NULL, NULL }
    };

    (void) state;

    check_all(pairs);

    /* too small for a value: the engine's sentence */
    (void) ask("config set maxmemory 1");
    has("-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - "
        "max_size=1 is too small");
}


static void
info_has_what_was_asked_for(void **state)
{
    const fkv_command_t  *time = fkv_command_find(FKV_STR("TIME"));

    (void) state;

    (void) fkv_meter_end(server.meter, time, NULL, true);
    fkv_meter_reject(server.meter, time);
    fkv_meter_error(server.meter, FKV_STR("ERR no"));
    fkv_meter_add(server.meter, misses, 3);
    fkv_meter_clients(server.meter, 1);

    (void) ask("info");
    has("# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n"
        "ferrokv_version:1.2.3\r\n");
    has("tcp_port:6379\r\n");
    has("run_id:00000000000000010000000000000002" "00000003\r\n");
    has("uptime_in_seconds:1499999999\r\n");
    has("\r\n\r\n# Clients\r\nconnected_clients:1\r\n");
    has("maxclients:512\r\n");
    has("maxmemory_policy:noeviction\r\n");
    has("total_commands_processed:1\r\n");
    has("keyspace_hits:0\r\nkeyspace_misses:3\r\n");
    has("total_error_replies:1\r\n");
    has("role:master\r\n");
    has("# Errorstats\r\nerrorstat_ERR:count=1\r\n");
    has("cluster_enabled:0\r\n");
    assert_null(strstr((char *) answer.data, "# Commandstats"));

    (void) ask("info COMMANDSTATS server");
    has("cmdstat_time:calls=1,usec=0,usec_per_call=0.00,rejected_calls=1,"
        "failed_calls=1\r\n");
    has("# Server");
    assert_null(strstr((char *) answer.data, "# Clients"));

    (void) ask("info all");
    has("# Commandstats");
    has("# Keyspace");

    assert_string_equal(ask("info nosuch"), "$0\r\n\r\n");
    assert_memory_equal(ask_in("info cluster", 3), "=34\r\ntxt:# Cluster\r\n",
                        19);

    assert_string_equal(ask("config resetstat"), "+OK\r\n");
    (void) ask("info everything");
    has("total_commands_processed:0\r\n");
    has("keyspace_misses:0\r\n");
    has("# Commandstats\r\n\r\n");
    has("connected_clients:1\r\n");
}


static void
the_slow_log_is_listed_newest_first(void **state)
{
    fkv_str_t       argv[] = { FKV_STR("GET"), FKV_STR("k") };
    fkv_slow_shm_t *slow = &server.meter->shm->slow;

    (void) state;

    fkv_slow_add(slow, 1500, 20000, argv, 2, FKV_STR("1.2.3.4:5"),
                 FKV_STR("me"));
    fkv_slow_add(slow, 2500, 30000, argv, 1, FKV_STR_NULL, FKV_STR_NULL);

    assert_string_equal(ask("slowlog get 1"),
                        "*1\r\n*6\r\n:1\r\n:2\r\n:30000\r\n"
                        "*1\r\n$3\r\nGET\r\n$0\r\n\r\n$0\r\n\r\n");
    (void) ask("slowlog get -1");
    has("*2\r\n*6\r\n:1\r\n");
    has("*6\r\n:0\r\n:1\r\n:20000\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
        "$9\r\n1.2.3.4:5\r\n$2\r\nme\r\n");
    assert_string_equal(ask("slowlog len"), ":2\r\n");

    /* half an entry is none */
    slow->entries[1].usec++;
    (void) ask("slowlog get");
    has("*1\r\n*6\r\n:0\r\n");

    assert_string_equal(ask("slowlog reset"), "+OK\r\n");
    assert_string_equal(ask("slowlog get"), "*0\r\n");
}


static void
the_table_is_shown_as_redis_shows_its_own(void **state)
{
    char      count[32];
    unsigned  n = 0;

    (void) state;

    while (fkv_command_at(n) != NULL) {
        n++;
    }

    (void) snprintf(count, sizeof(count), ":%u\r\n", n);
    assert_string_equal(ask("command count"), count);

    (void) snprintf(count, sizeof(count), "*%u\r\n*10\r\n", n);
    assert_memory_equal(ask("command"), count, strlen(count));
    assert_memory_equal(ask("command info"), count, strlen(count));

    assert_string_equal(ask("command info nosuch config|nosuch"),
                        "*2\r\n$-1\r\n$-1\r\n");
    assert_string_equal(ask("command info config|SET"),
                        "*1\r\n*10\r\n$10\r\nconfig|set\r\n:-4\r\n"
                        "*1\r\n+admin\r\n:0\r\n:0\r\n:0\r\n"
                        "*2\r\n+@admin\r\n+@dangerous\r\n*0\r\n*0\r\n*0\r\n");
    assert_memory_equal(ask_in("command info config", 3),
                        "*1\r\n*10\r\n$6\r\nconfig\r\n:-2\r\n~0\r\n:0\r\n:0\r\n"
                        ":0\r\n~0\r\n~0\r\n~0\r\n~4\r\n*10\r\n$10\r\n"
                        "config|get\r\n", 77);

    (void) ask_in("command docs config nosuch", 3);
    has("%1\r\n$6\r\nconfig\r\n%4\r\n$7\r\nsummary\r\n");
    has("$11\r\nsubcommands\r\n%4\r\n$10\r\nconfig|get\r\n%4\r\n");

    assert_string_equal(ask("command list filterby pattern last*"),
                        "*1\r\n$8\r\nlastsave\r\n");
    assert_string_equal(ask("command list filterby module x"), "*0\r\n");
    (void) ask("command list filterby aclcat scripting");
    has("$6\r\nscript\r\n");
}


static void
containers_help(void **state)
{
    (void) state;

    (void) ask("config help");
    has("*11\r\n+CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands "
        "are:\r\n+GET parameter [parameter ...]\r\n");
    has("+HELP\r\n+    Prints this help.\r\n");

    (void) ask("command HELP");
    has("+(no subcommand)\r\n");
}


int
main(void)
{
#define server_test(f)  cmocka_unit_test_setup_teardown(f, server_setup,      \
                                                        server_teardown)

    const struct CMUnitTest  tests[] = {
        server_test(errors_are_those_of_redis),
        server_test(small_ones_answer_as_redis_does),
        server_test(parameters_are_what_was_set),
        server_test(what_cannot_be_set_says_why),
        server_test(info_has_what_was_asked_for),
        server_test(the_slow_log_is_listed_newest_first),
        server_test(the_table_is_shown_as_redis_shows_its_own),
        server_test(containers_help)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

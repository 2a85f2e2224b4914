# Unit tests: every t/unit/NAME.c is one program, build/unit/t/NAME, linked with
# the whole engine and what of the module knows no nginx.  A second B= and SAN= give a second
# set (see check-asan).  A target t/fuzz/NAME.c is build/unit/fuzz/NAME,
# which main.c gives its corpus; with another MAIN= it is a fuzzer (see fuzz).

B       ?= build/unit
SAN     ?=
CC      ?= cc

STRICT  := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wmissing-prototypes
MACHINE := $(if $(filter x86_64,$(shell uname -m)),-mcx16)
FLAGS   := -std=gnu11 -O2 -g -fPIC $(MACHINE) -DFKV_STEPS -DFKV_DEBUG \
           -Iengine -Ingx_ferrokv_module -MMD -MP $(SAN)

objects := $(patsubst engine/%.c,$B/%.o,$(wildcard engine/*/*.c)) \
           $(patsubst ngx_ferrokv_module/%.c,$B/%.o, \
               $(wildcard ngx_ferrokv_module/rules/*.c \
                   ngx_ferrokv_module/commands/*.c \
                   ngx_ferrokv_module/extensions/*.c))
tests   := $(patsubst t/unit/%.c,$B/t/%,$(wildcard t/unit/*.c))

# Of the fuzz targets, rest needs what nginx's configure has found out.
nginx   := $(firstword $(wildcard build/test/ngx_auto_config.h \
               build/modules/ngx_auto_config.h))
NGINX   := $(addprefix -isystem build/nginx/src/,core event event/modules \
               os/unix http http/modules http/v2) -isystem $(dir $(nginx))
rest    := $(addprefix $B/nginx/,ngx_ferrokv_parse.o \
               ngx_http_ferrokv_rest_query.o \
               ngx_http_ferrokv_rest_batch_parse.o)
fuzz    := $(patsubst t/fuzz/%.c,$B/fuzz/%, \
               $(filter-out t/fuzz/main.c t/fuzz/seeds.c $(if $(nginx),, \
                   t/fuzz/rest.c),$(wildcard t/fuzz/*.c)))
MAIN    ?= $B/fuzz/main.o

all: $B/libfkv.a $(tests) $(fuzz)

fuzz: $(fuzz)

# Writes the first inputs of formats that nobody types.
seeds: $B/fuzz/seeds

# Objects of files that are gone must leave the library: write it anew, and
# whenever the list of objects changes.
$B/libfkv.a: $(objects) $B/objects
	@rm -f $@
	@ar rcs $@ $(objects)

$B/objects: FORCE
	@mkdir -p $B
	@echo $(objects) | cmp -s - $@ || echo $(objects) > $@

$B/%.o: engine/%.c t/lib/unit.mk
	@mkdir -p $(@D)
	@echo "cc $@"
	@$(CC) $(FLAGS) $(STRICT) -c $< -o $@

$B/%.o: ngx_ferrokv_module/%.c t/lib/unit.mk
	@mkdir -p $(@D)
	@echo "cc $@"
	@$(CC) $(FLAGS) $(STRICT) -c $< -o $@

$B/unit/%.o: t/unit/%.c t/lib/unit.mk
	@mkdir -p $(@D)
	@echo "cc $@"
	@$(CC) $(FLAGS) $(STRICT) -c $< -o $@

$B/t/%: $B/unit/%.o $B/libfkv.a
	@mkdir -p $(@D)
	@$(CC) $(SAN) $< $B/libfkv.a -luring -llz4 -lzstd -lcmocka -lpthread -o $@

$B/nginx/%.o: ngx_ferrokv_module/%.c t/lib/unit.mk
	@mkdir -p $(@D)
	@echo "cc $@"
	@$(CC) $(FLAGS) $(NGINX) -Wall -Werror -c $< -o $@

$B/fuzz/rest.o: FLAGS += $(NGINX)
$B/fuzz/rest: $(rest)
$B/fuzz/rest: LIBS = $(rest) -ljansson

$B/fuzz/%.o: t/fuzz/%.c t/lib/unit.mk
	@mkdir -p $(@D)
	@echo "cc $@"
	@$(CC) $(FLAGS) $(STRICT) -c $< -o $@

$B/fuzz/%: $B/fuzz/%.o $(filter %.o,$(MAIN)) $B/libfkv.a
	@$(CC) $(SAN) $< $(MAIN) $(LIBS) $B/libfkv.a -luring -llz4 -lzstd -lcmocka -lpthread -o $@

$B/fuzz/seeds: $B/fuzz/seeds.o $B/libfkv.a
	@$(CC) $(SAN) $^ -luring -llz4 -lzstd -lcmocka -lpthread -o $@

include t/sim/build.mk

-include $(wildcard $B/*/*.d)

.PHONY: all fuzz seeds FORCE

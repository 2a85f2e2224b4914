# bench/engine: the engine as users get it and one program, DRIVERS= of it.

B       ?= build/bench/engine
DRIVERS ?= raw ferrokv rocksdb leveldb lmdb wiredtiger
CC      ?= cc
CXX     ?= c++

STRICT  := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wmissing-prototypes
MACHINE := $(if $(filter x86_64,$(shell uname -m)),-mcx16)
FLAGS   := -std=gnu11 -O2 -g $(MACHINE) -MMD -MP -Iengine

# The libraries of the engine are those that nginx's build script names.
LIBS_ferrokv    := $(shell sed -n 's/^ngx_module_libs="\(-.*\)"/\1/p' config)
LIBS_rocksdb    := -lrocksdb -lstdc++
LIBS_leveldb    := -lleveldb
LIBS_lmdb       := -llmdb
LIBS_wiredtiger := -lwiredtiger

LIBS := $(foreach d,$(DRIVERS),$(LIBS_$d)) -l:libjemalloc.so.2 -lm -lpthread

engine  := $(patsubst engine/%.c,$B/engine/%.o,$(wildcard engine/*/*.c))
program := $(addprefix $B/,main.o actor.o workload.o data.o histogram.o \
               meter.o $(DRIVERS:%=driver_%.o) \
               $(if $(filter rocksdb,$(DRIVERS)),hyper_clock.o))

$B/bench: $(program) $B/libfkv.a
	@echo "ld $@"
	@$(CC) $^ $(LIBS) -o $@

# Objects of files that are gone must leave the library.
$B/libfkv.a: $(engine) $B/objects
	@rm -f $@
	@ar rcs $@ $(engine)

$B/objects: FORCE
	@mkdir -p $B
	@echo $(engine) $(DRIVERS) | cmp -s - $@ \
	    || echo $(engine) $(DRIVERS) > $@

$B/engine/%.o: engine/%.c bench/engine/build.mk
	@mkdir -p $(@D)
	@echo "cc $@"
	@$(CC) $(FLAGS) -fPIC $(STRICT) -c $< -o $@

$B/main.o: $B/objects

$B/%.o: bench/engine/%.c bench/engine/build.mk
	@mkdir -p $(@D)
	@echo "cc $@"
	@$(CC) $(FLAGS) $(STRICT) \
	    -D'BENCH_DRIVERS=$(foreach d,$(DRIVERS),DRIVER($d))' -c $< -o $@

$B/%.o: bench/engine/%.cc bench/engine/build.mk
	@mkdir -p $(@D)
	@echo "c++ $@"
	@$(CXX) -std=c++17 -O2 -g -Wall -Wextra -Werror -c $< -o $@

-include $(wildcard $B/*.d $B/engine/*/*.d)

.PHONY: FORCE

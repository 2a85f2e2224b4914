# bench/blocks: the table format by itself, and RocksDB's filter.

B   ?= build/bench/blocks
CC  ?= cc
CXX ?= c++

STRICT  := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wmissing-prototypes
MACHINE := $(if $(filter x86_64,$(shell uname -m)),-mcx16)
FLAGS   := -std=gnu11 -O2 -g -fPIC $(MACHINE) -MMD -MP -Iengine -Ibench/engine

sources := $(wildcard bench/blocks/*.c engine/base/*.c engine/format/*.c) \
           bench/engine/data.c
objects := $(patsubst %.c,$B/%.o,$(sources)) $B/bench/blocks/rocksdb_filter.o

$B/blocks: $(objects)
	@echo "ld $@"
	@$(CXX) $^ -lrocksdb -llz4 -lzstd -lm -lpthread -o $@

$B/%.o: %.c bench/blocks/build.mk
	@mkdir -p $(@D)
	@echo "cc $@"
	@$(CC) $(FLAGS) $(STRICT) -c $< -o $@

$B/%.o: %.cc bench/blocks/build.mk
	@mkdir -p $(@D)
	@echo "c++ $@"
	@$(CXX) -std=c++17 -O2 -g -Wall -Wextra -Werror -c $< -o $@

-include $(wildcard $B/*/*/*.d)

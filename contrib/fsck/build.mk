# build/fsck/fsck: the checker of stores, with the whole engine and without
# nginx.

B       ?= build/fsck
CC      ?= cc
MACHINE := $(if $(filter x86_64,$(shell uname -m)),-mcx16)
FLAGS   := -std=gnu11 -O2 -g $(MACHINE) -Wall -Wextra -Werror -Wshadow \
           -Iengine -MMD -MP
sources := $(wildcard engine/*/*.c) contrib/fsck/fsck.c
objects := $(sources:%.c=$B/%.o)

$B/fsck: $(objects)
	@$(CC) $^ -luring -llz4 -lzstd -lpthread -o $@

$B/%.o: %.c contrib/fsck/build.mk
	@mkdir -p $(@D)
	@$(CC) $(FLAGS) -c $< -o $@

-include $(objects:.o=.d)

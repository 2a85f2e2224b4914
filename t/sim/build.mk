# The simulator: the engine once more, with a look at each basic block, and the
# C library's calls that it makes turned to ours.  Included by t/lib/unit.mk.

sim_wraps := fkv__step __errno_location clock_gettime nanosleep eventfd eventfd_write \
    eventfd_read write read poll close openat unlinkat fstat fstatat fcntl \
    fdopendir opendir readdir dirfd closedir madvise getpid setpriority \
    pthread_create pthread_join pthread_getspecific pthread_setspecific pthread_setname_np pthread_mutex_init \
    pthread_mutex_destroy pthread_mutex_lock pthread_mutex_unlock \
    pthread_cond_init pthread_cond_destroy pthread_cond_signal \
    pthread_cond_timedwait

empty :=
comma := ,
sim_engine := $(patsubst engine/%.c,$B/sim/engine/%.o,$(wildcard engine/*/*.c))
sim_own    := $(patsubst t/sim/%.c,$B/sim/%.o,$(wildcard t/sim/*.c))
sim_flags  := $(if $(findstring address,$(SAN)),-DSIM_ASAN) \
              $(if $(findstring thread,$(SAN)),-DSIM_TSAN \
                  -fno-tree-loop-distribute-patterns)
# What gcov writes at the end would go to the simulated disk.
sim_link   := $(filter-out --coverage,$(SAN))
sim_san    := $(filter-out -fsanitize=thread,$(sim_link))

all: $B/t/sim

$B/sim/engine/%.o: engine/%.c t/lib/unit.mk t/sim/build.mk
	@mkdir -p $(@D)
	@echo "cc $@"
	@$(CC) $(filter-out --coverage,$(FLAGS)) $(STRICT) \
	    -fsanitize-coverage=trace-pc -c $< -o $@

$B/sim/%.o: t/sim/%.c t/lib/unit.mk t/sim/build.mk
	@mkdir -p $(@D)
	@echo "cc $@"
	@$(CC) $(filter-out $(SAN),$(FLAGS)) $(sim_san) $(sim_flags) $(STRICT) \
	    -c $< -o $@

$B/t/sim: $(sim_own) $(sim_engine)
	@mkdir -p $(@D)
	@$(CC) $(sim_link) $^ $(addprefix -Wl$(comma)--wrap=,$(sim_wraps)) \
	    -luring -llz4 -lzstd -lpthread -o $@

-include $(wildcard $B/sim/*.d $B/sim/engine/*/*.d)

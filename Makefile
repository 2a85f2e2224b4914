# make run     try it: nginx with two workers on 127.0.0.1:8080
# make test    prove it
#
# The rest: make (modules and extensions), contrib (extensions), install (into
# nginx's modules and PREFIX), install-kit, fsck, deps, test-deps, test-module,
# unit, torture, fuzz, coverage, check-asan, check-tsan, test-static, bench-http,
# bench-resp, bench-open, bench-blocks, bench-engine, bench-engine-full, clean.
# NGINX_SRC= names another nginx source tree,
# NGINX_BIN= the binary that belongs to it.

SHELL     := /bin/bash
NGINX_BIN ?= /usr/sbin/nginx
NGINX_SRC ?= /usr/share/nginx/src
PORT      ?= 8080
PREFIX    ?= /usr/local
export NGINX_BIN PORT
MAKEFLAGS += --no-print-directory

MODULE  := ngx_ferrokv_module.so
CC_OPT  := -g -O2 -fPIC -fstack-protector-strong -D_FORTIFY_SOURCE=2 -MMD -MP
LD_OPT  := -Wl,-z,relro -Wl,-z,now
jobs    := -j$(shell nproc)
sources := $(wildcard engine/*/*.c ngx_ferrokv_module/*.c \
               ngx_ferrokv_module/rules/*.c ngx_ferrokv_module/commands/*.c \
               ngx_ferrokv_module/extensions/*.c)

extensions := $(notdir $(basename $(wildcard contrib/*/*.control)))
kit        := contrib/kit
kit_files  := ferrokv.mk check-abi
kit_to     := $(DESTDIR)$(PREFIX)/lib/ferrokv/kit
kit_h      := ngx_ferrokv_module/extensions/ferrokv_extension.h \
              ngx_ferrokv_module/extensions/ferrokv_encode.h

all: build/modules/$(MODULE) contrib

contrib: $(extensions:%=contrib-%)

contrib-%:
	@$(MAKE) -s -C contrib/$* B=$(CURDIR)/build/contrib/$* \
	    FERROKV_CONFIG=$(CURDIR)/$(kit)/ferrokv-config \
	    CFLAGS="-std=gnu11 -O2 -g -Wall -Wextra -Werror -Wshadow" install

# nginx names the directory of its modules, a distribution's has one.
install: all install-kit
	@to=`$(NGINX_BIN) -V 2>&1 | sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p'`; \
	to=$(DESTDIR)$${to:-$(PREFIX)/lib/ferrokv/modules}; \
	echo "install modules in $$to"; \
	install -d -m 755 $$to && install -m 644 build/modules/*.so $$to
	@install -d -m 755 $(DESTDIR)$(PREFIX)/lib/ferrokv/extensions
	@install -m 644 build/extensions/* \
	    $(DESTDIR)$(PREFIX)/lib/ferrokv/extensions

# What authors of extensions need: neither nginx nor this tree.
install-kit:
	@install -d -m 755 $(DESTDIR)$(PREFIX)/bin \
	    $(DESTDIR)$(PREFIX)/include/ferrokv $(kit_to)/t/lib/Ferrokv
	@install -m 755 $(kit)/ferrokv-config $(DESTDIR)$(PREFIX)/bin
	@install -m 644 $(kit_h) $(DESTDIR)$(PREFIX)/include/ferrokv
	@install -m 755 $(addprefix $(kit)/,$(kit_files)) $(kit_to)
	@install -m 644 t/lib/Ferrokv/*.pm t/lib/Ferrokv/*.c $(kit_to)/t/lib/Ferrokv
	@cp -R --no-preserve=mode,ownership $(kit)/template $(kit_to)
	@$(kit)/ferrokv-config --version | sed 's/.*/version = "&"/' \
	    > $(kit_to)/version

# Is a store undamaged?  make fsck DIR=/var/lib/nginx/ferrokv, while no nginx
# has it open.
fsck: deps build/fsck/fsck
	@build/fsck/fsck $(if $(DIR),"$(DIR)")

build/fsck/fsck: FORCE
	@$(MAKE) $(jobs) -s -f contrib/fsck/build.mk

test-module: build/test/$(MODULE)

unit:
	@$(MAKE) $(jobs) -s -f t/lib/unit.mk

deps:
	@contrib/run/deps nginx nginx-dev gcc libc6-dev make perl curl \
	    liburing-dev libjansson-dev libxxhash-dev liblz4-dev libzstd-dev \
	    libjemalloc2 libcmocka-dev libnginx-mod-stream openssl

test-deps: deps
	@contrib/run/deps redis-server redis-tools libhiredis-dev python3-redis

bench-deps: deps
	@contrib/run/deps libnginx-mod-http-lua lua-resty-core wrk \
	    libnginx-mod-http-memc libnginx-mod-http-srcache-filter memcached

run: deps
	@$(MAKE) all
	@contrib/run/start

test: test-deps
	@$(MAKE) all test-module unit build/fsck/fsck
	t/run

# Long forms of the tests that try to break it: make torture PARTS="sim power".
torture: test-deps fuzz-deps
	@contrib/run/deps xfsprogs gnuplot-nox
	@$(MAKE) all test-module unit build/fsck/fsck
	t/torture $(PARTS)

# Fuzzers of t/fuzz, for t/torture and by hand: see t/README.md.
# (An empty string is NULL + 0, which clang calls an overflow.)
fuzz:
	@$(MAKE) $(jobs) -s -f t/lib/unit.mk B=build/fuzz CC=clang \
	    SAN="-fsanitize=fuzzer-no-link,address,undefined \
	        -fno-sanitize=pointer-overflow \
	        -fno-sanitize-recover=undefined" MAIN=-fsanitize=fuzzer fuzz

fuzz-deps: deps
	@contrib/run/deps clang libclang-rt-dev

# What was found and reaches more joins the corpus.
fuzz-corpus: fuzz
	t/fuzz/merge

check-asan:
	@$(MAKE) $(jobs) -s -f t/lib/unit.mk B=build/asan \
	    SAN="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
	ASAN_OPTIONS=allocator_may_return_null=1 UNIT=build/asan t/run build/asan/ t/fuzz/

check-tsan:
	@$(MAKE) $(jobs) -s -f t/lib/unit.mk B=build/tsan \
	    SAN="-fsanitize=thread -Wno-tsan"
	TSAN_OPTIONS=allocator_may_return_null=1 UNIT=build/tsan t/run build/tsan/

# Lines of engine/ that unit tests and the fuzzers' corpora run.
coverage: test-deps
	@contrib/run/deps lcov
	@$(MAKE) test-module
	@$(MAKE) $(jobs) -s -f t/lib/unit.mk B=build/coverage SAN=--coverage
	t/lib/coverage

test-static: deps
	@contrib/run/deps libjemalloc-dev libpcre2-dev
	FKV_STATIC=1 t/run static_build

bench-http: bench-deps
	@$(MAKE) all
	bench/http/run

bench-resp: test-deps
	@$(MAKE) all
	@mkdir -p build/bench/same
	@$(MAKE) -s -C bench/resp/same B=$(CURDIR)/build/bench/same \
	    FERROKV_CONFIG=$(CURDIR)/$(kit)/ferrokv-config
	@cp bench/resp/same/same.control build/bench/same
	bench/resp/run

bench-open: deps
	@mkdir -p build/bench
	@$(CC) -std=gnu11 -O2 -g $(if $(filter x86_64,$(shell uname -m)),-mcx16) \
	    -Iengine bench/open/open.c engine/*/*.c -luring -llz4 -lzstd -lpthread \
	    -o build/bench/open
	bench/open/run

bench-blocks: bench-engine-deps
	@$(MAKE) $(jobs) -s -f bench/blocks/build.mk
	build/bench/blocks/blocks

bench-engine-deps: deps
	@contrib/run/deps g++ librocksdb-dev libleveldb-dev liblmdb-dev \
	    libwiredtiger-dev fio gnuplot-nox

bench-engine: bench-engine-deps
	@$(MAKE) $(jobs) -s -f bench/engine/build.mk
	bench/engine/run

# Every engine and case, as large as bench/README.md says: many hours.
bench-engine-full: bench-engine-deps
	@$(MAKE) $(jobs) -s -f bench/engine/build.mk
	ENGINES=ferrokv,rocksdb CASES=all ROUNDS=3 \
	    KEYS=5000000 OPS=5000000 CACHE=256 SECONDS=60 SYNC_SECONDS=20 \
	    CHURN_SECONDS=60 SUSTAIN_SECONDS=600 bench/engine/run

clean:
	rm -rf build


# nginx's tree is copied, for its configure writes into it.

build/nginx/configure: $(NGINX_SRC)/src/core/nginx.h
	@rm -rf build/nginx && mkdir -p build/nginx
	@cp -r $(NGINX_SRC)/. build/nginx/
	@rm -rf build/nginx/objs build/nginx/Makefile
	@test -e $@ || ln -s auto/configure $@
	@touch $@

$(NGINX_SRC)/src/core/nginx.h:
	@echo "No nginx sources in $(NGINX_SRC): make deps, or NGINX_SRC=" >&2
	@exit 1

# nginx's makefile names every source, and PREFIX: a change means configure.

build/sources: FORCE
	@mkdir -p build
	@echo $(PREFIX) $(sources) | cmp -s - $@ || echo $(PREFIX) $(sources) > $@

build/modules/Makefile build/test/Makefile: build/%/Makefile: \
    build/nginx/configure build/sources config
	@echo "configure $(@D)"
	@mkdir -p $(@D)
	@cd build/nginx \
	    && NGX_CONF_FLAGS=(--with-compat --with-threads) \
	    && if test -f conf_flags; then . ./conf_flags; fi \
	    && ./configure "$${NGX_CONF_FLAGS[@]}" \
	        --builddir=$(CURDIR)/$(@D) --with-ld-opt="$(LD_OPT)" \
	        --with-cc-opt="$(CC_OPT) $(if $(filter test,$*), \
	            -DFKV_STEPS -DFKV_DEBUG) \
	            -DFKV_EXTENSION_DIR='\"$(PREFIX)/lib/ferrokv/extensions\"'" \
	        --add-dynamic-module=$(CURDIR) > $(CURDIR)/$(@D)/configure.log \
	    || { tail -5 $(CURDIR)/$(@D)/configure.log >&2; rm -f $(CURDIR)/$@; \
	         exit 1; }

# The compiler's dependency files beside nginx's makefile: only what a change
# touches is compiled again.

build/modules/$(MODULE) build/test/$(MODULE): build/%/$(MODULE): \
    build/%/Makefile FORCE
	@$(MAKE) $(jobs) -s -C build/nginx \
	    $(addprefix -f $(CURDIR)/,$< $(wildcard $(@D)/addon/*/*.d)) modules

.NOTPARALLEL:
.PHONY: all contrib install install-kit fsck test-module unit deps test-deps \
    bench-deps run test torture check-asan check-tsan fuzz fuzz-deps fuzz-corpus \
    coverage test-static bench-http bench-resp bench-open bench-blocks \
    bench-engine-deps bench-engine bench-engine-full clean FORCE

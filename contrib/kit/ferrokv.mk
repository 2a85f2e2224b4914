# ferrokv.mk - builds an extension of ferrokv.  Its Makefile says
#
#   EXTENSION = json
#   OBJS      = json.o path.o       # json.o, if it is left out
#   LIBS      = -ljansson           # what it is linked with, if anything
#
#   FERROKV_CONFIG ?= ferrokv-config
#   include $(shell $(FERROKV_CONFIG) --mk)
#
# Objects come from .c, .cc and .cpp files.
#
#   make               NAME-VERSION.so; the version is that of NAME.control, and
#                      a part of the file's name, so that a reload of nginx takes
#                      a new one while old workers keep theirs
#   make check-abi     only one exported name, nothing of nginx, no globals
#   make check         its tests, t/*.t, with what has been built
#   make install       to where nginx looks; DESTDIR= goes before it
#   make installcheck  the tests, with what is installed
#   make clean
#
# B= is where everything is built, "." if it is left out.

ferrokv_kit := $(dir $(lastword $(MAKEFILE_LIST)))

B         ?= .
FERROKV_CONFIG ?= ferrokv-config
OBJS      ?= $(EXTENSION).o
CFLAGS    ?= -O2 -g -Wall -Wextra
CXXFLAGS  ?= -O2 -g -Wall -Wextra

ferrokv_version := $(shell sed -n \
    "s/^ *default_version *= *'\([^']*\)'.*/\1/p" $(EXTENSION).control)
ifeq ($(EXTENSION),)
    $(error a Makefile that includes ferrokv.mk begins with EXTENSION = NAME)
endif
ifeq ($(ferrokv_version),)
    $(error $(EXTENSION).control needs a line default_version = '1.0.0')
endif

ferrokv_so      := $(B)/$(EXTENSION)-$(ferrokv_version).so
ferrokv_objects := $(addprefix $(B)/,$(OBJS))
ferrokv_extdir  := $(shell $(FERROKV_CONFIG) --extdir)
ferrokv_testlib := $(shell $(FERROKV_CONFIG) --testlib)
ferrokv_flags   := -fPIC -fvisibility=hidden -MMD -MP \
                   -I$(shell $(FERROKV_CONFIG) --includedir) \
                   -DFERROKV_VERSION='"$(ferrokv_version)"'

# Of C++ only the linker is another one, and its inline functions stay inside.
ferrokv_cxx     := $(wildcard $(OBJS:.o=.cc) $(OBJS:.o=.cpp))
ferrokv_ld      := $(if $(ferrokv_cxx),$(CXX),$(CC))

all: $(ferrokv_so)

# -z defs: what is called but not there is an error here, not in a worker.
$(ferrokv_so): $(ferrokv_objects)
	@nm -u $(ferrokv_objects) | sed -n \
	    's/^ *U \(ngx_.*\)/$(EXTENSION) uses \1, which is nginx'"'"'s: an \
	extension knows ferrokv_extension.h, and nothing of nginx/p' \
	    | head -n 1 | grep . >&2 && exit 1 || true
	$(ferrokv_ld) -shared -Wl,-z,defs -Wl,-z,relro,-z,now \
	    -Wl,--exclude-libs,ALL $(LDFLAGS) -o $@ $(ferrokv_objects) $(LIBS)

$(B)/%.o: %.c $(EXTENSION).control
	@mkdir -p $(@D)
	$(CC) $(ferrokv_flags) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(B)/%.o: %.cc $(EXTENSION).control
	@mkdir -p $(@D)
	$(CXX) $(ferrokv_flags) -fvisibility-inlines-hidden -fno-gnu-unique \
	    $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<

$(B)/%.o: %.cpp $(EXTENSION).control
	@mkdir -p $(@D)
	$(CXX) $(ferrokv_flags) -fvisibility-inlines-hidden -fno-gnu-unique \
	    $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<

-include $(ferrokv_objects:.o=.d)

check-abi: $(ferrokv_so)
	@$(ferrokv_kit)check-abi $(ferrokv_so) $(ferrokv_objects)

install: check-abi
	install -d -m 755 $(DESTDIR)$(ferrokv_extdir)
	install -C -m 644 $(ferrokv_so) $(EXTENSION).control \
	    $(DESTDIR)$(ferrokv_extdir)

installcheck:
	FERROKV_EXTDIR=$(ferrokv_extdir) prove -I $(ferrokv_testlib) t/

check: check-abi
	@install -d -m 755 $(abspath $(B))/installed
	@install -m 644 $(ferrokv_so) $(EXTENSION).control \
	    $(abspath $(B))/installed
	FERROKV_EXTDIR=$(abspath $(B))/installed \
	    prove -I $(ferrokv_testlib) t/

clean:
	rm -f $(ferrokv_objects) $(ferrokv_objects:.o=.d) $(ferrokv_so)
	rm -rf $(B)/installed

.PHONY: all check-abi install installcheck check clean

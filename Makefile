# `make demo` and `make test` are the two commands of the README; `make check` is what CI runs.
# Everything is built as the user; only machines, networks and load balancers need root and go through sudo.

CARGO ?= cargo
KILN_DENY := target/tools/bin/cargo-deny
# Tests run on threads of their own, whose stacks are smaller than a process has; flows are large where nothing is optimised.
export RUST_MIN_STACK := 8388608

.PHONY: fuzz demo sim test check deps bench compatibility clean

## demo: bake and roll on a local cloud of real machines, under traffic
demo:
	@scripts/deps host
	$(CARGO) build --release --bin kiln
	target/release/kiln demo

## test: every test, those on real machines included
test:
	@scripts/deps host peers
	@CARGO=$(CARGO) scripts/test

## sim: SEEDS=n random worlds for `kiln roll`, killed and gone on with, a kill at every call of each strategy, which seed finds
## each deliberate defect, and what of AWS's promises the model keeps; SEED=n replays one with its trace
sim:
	$(CARGO) test --quiet --workspace --test main -- --nocapture simulation::seeds \
		$(if $(SEED),,simulation::defects simulation::roll::kills simulation::roll::dns::kills contract::)

## check: what must hold before a change lands
check: deps
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	CARGO_TARGET_DIR=target/fuzz $(CARGO) check --quiet --manifest-path tests/fuzz/Cargo.toml
	$(KILN_DENY) check bans licenses sources
	@# With examples, of which there are none, features are those of tests: dependencies are not checked a second time.
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --lib --examples --document-private-items --quiet
	$(MAKE) test

## deps: install what this host lacks
deps:
	@scripts/deps host peers check

## fuzz: ten minutes of each fuzz target of the template language
fuzz:
	scripts/fuzz 600

## bench: the table of docs/benchmarks.md, measured on the `dist` profile
bench:
	@scripts/deps host peers
	$(CARGO) build --profile dist --bin kiln
	benches/table

## compatibility: docs/compatibility.md, written from what kiln says of each option
compatibility:
	KILN_REWRITE=1 $(CARGO) test -q --test main -- language::compatibility::the_page

clean:
	$(CARGO) clean

.DEFAULT_GOAL := help
.PHONY: help test soak lint fmt bench deny run

help: ## show this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-6s %s\n", $$1, $$2}' Makefile

test: ## install what is missing, then format check, clippy, all tests, documentation and examples
	@scripts/test.sh

soak: ## explore 1,000 random contact centres with the production router, some minutes
	@scripts/soak.sh

lint: ## clippy on everything, warnings are errors
	cargo clippy --workspace --all-targets -- -D warnings

fmt: ## format the sources
	cargo fmt --all

bench: ## run the benchmarks
	cargo bench --workspace

deny: ## check licences, advisories and sources of all dependencies (needs cargo-deny)
	cargo deny check

run: ## run the server, optimised
	cargo run --release

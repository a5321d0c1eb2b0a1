package main

import (
	"encoding/base64"

	"github.com/cometbft/cometbft/types"
)

// Digits of a number that a double holds exactly, as CometBFT reads the id of a request.
const idDigits = 15

// call is a request to take a transaction.
type call struct {
	// As it stands in the request and, with the same bytes, in the answer.
	id []byte
	tx types.Tx
	// The answer waits for the application's check.
	sync bool
}

// parseCalls reads a body that is a JSON-RPC request, or a batch of them, to take transactions in the form in which clients
// write them. Of anything else, valid or not, it says that it is none: CometBFT answers those.
func parseCalls(body []byte, to []call) (calls []call, ok bool) {
	p := parser{rest: body}
	p.space()
	if !p.take('[') {
		c, ok := p.call()
		return append(to, c), ok && p.end()
	}
	for {
		c, ok := p.call()
		if !ok {
			return to, false
		}
		to = append(to, c)
		if p.take(']') {
			return to, p.end()
		}
		if !p.take(',') {
			return to, false
		}
	}
}

// parser reads that part of JSON. Every method that takes something skips the space behind it.
type parser struct{ rest []byte }

func (p *parser) space() {
	for len(p.rest) > 0 && (p.rest[0] == ' ' || p.rest[0] == '\n' || p.rest[0] == '\r' || p.rest[0] == '\t') {
		p.rest = p.rest[1:]
	}
}

func (p *parser) end() bool { return len(p.rest) == 0 }

func (p *parser) take(b byte) bool {
	if len(p.rest) == 0 || p.rest[0] != b {
		return false
	}
	p.rest = p.rest[1:]
	p.space()
	return true
}

// call reads an object of the four members of a request, each once, in any order.
func (p *parser) call() (c call, ok bool) {
	const version, id, method, params = 1, 2, 4, 8
	p.space()
	if !p.take('{') {
		return c, false
	}
	for seen := 0; ; {
		name, named := p.text()
		if !named || !p.take(':') {
			return c, false
		}
		var member int
		switch string(name) {
		case "jsonrpc":
			member = version
			_, ok = p.text()
		case "id":
			member = id
			c.id, ok = p.id()
		case "method":
			member = method
			var text []byte
			text, ok = p.text()
			c.sync = string(text) == "broadcast_tx_sync"
			ok = ok && (c.sync || string(text) == "broadcast_tx_async")
		case "params":
			member = params
			c.tx, ok = p.params()
		default:
			return c, false
		}
		if !ok || seen&member != 0 {
			return c, false
		}
		seen |= member
		if p.take('}') {
			return c, seen == version|id|method|params
		}
		if !p.take(',') {
			return c, false
		}
	}
}

// params reads an object of one member, the transaction in base64.
func (p *parser) params() (types.Tx, bool) {
	if !p.take('{') {
		return nil, false
	}
	name, ok := p.text()
	if !ok || string(name) != "tx" || !p.take(':') {
		return nil, false
	}
	text, ok := p.text()
	if !ok || len(text) == 0 || !p.take('}') {
		return nil, false
	}
	// A transaction stays as long as the mempool has it: each gets memory of its own, so that none keeps a batch.
	tx := make(types.Tx, base64.StdEncoding.DecodedLen(len(text)))
	length, err := base64.StdEncoding.Decode(tx, text)
	if err != nil || length == 0 {
		return nil, false
	}
	return tx[:length], true
}

// text reads a string of characters that stand for themselves in JSON, in what CometBFT writes too.
func (p *parser) text() ([]byte, bool) {
	if len(p.rest) == 0 || p.rest[0] != '"' {
		return nil, false
	}
	for i := 1; i < len(p.rest); i++ {
		if p.rest[i] == '"' {
			text := p.rest[1:i]
			p.rest = p.rest[i+1:]
			p.space()
			return text, true
		}
		if !plain[p.rest[i]] {
			break
		}
	}
	return nil, false
}

// id reads a string that is not empty or a whole number without exponent.
func (p *parser) id() ([]byte, bool) {
	from := p.rest
	if len(from) > 0 && from[0] == '"' {
		text, ok := p.text()
		if !ok || len(text) == 0 {
			return nil, false
		}
		return from[:len(text)+2], true
	}
	digits := 0
	for digits < len(from) && from[digits] >= '0' && from[digits] <= '9' {
		digits++
	}
	// Without zeros before it; what ends a number in JSON and is no part of it comes next, or the reader of the object fails.
	if digits == 0 || digits > idDigits || (from[0] == '0' && digits > 1) {
		return nil, false
	}
	p.rest = from[digits:]
	p.space()
	return from[:digits], true
}

// plain are the bytes that JSON, as Go writes it, has unchanged in a string.
var plain = func() (is [256]bool) {
	for b := ' '; b <= '~'; b++ {
		is[b] = b != '"' && b != '\\' && b != '<' && b != '>' && b != '&'
	}
	return is
}()

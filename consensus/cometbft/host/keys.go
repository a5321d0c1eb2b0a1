package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/types"
)

const (
	// Between the parts of a key, as CometBFT's transaction index has it.
	separator = '/'
	// Before the number of the event, the last part of a key.
	sequenceMark = "$es$"
	// Kinds of attributes that are remembered from block to block. What an application makes up anew for each
	// transaction must not stay in memory forever.
	maxGroups = 4096
)

// entries are the keys of a block's transactions: made into one buffer and brought into order cheaply.
//
// A key is "KIND.ATTRIBUTE/VALUE/HEIGHT/INDEX$es$NUMBER". Keys are grouped by what stands before the first slash, of which
// a block has few, so that only a group of keys needs sorting, by what makes its keys differ.
type entries struct {
	// All keys of a block.
	keys   []byte
	groups []group
	// The number of a group, by its name.
	numbers map[string]int
	// Groups in the order of their names.
	order   []int
	ordered bool
	// The name or the end of a key that is being made.
	scratch []byte
}

type group struct {
	name string
	all  []entry
}

type entry struct {
	// The first eight bytes behind what all keys of the group share.
	head uint64
	// Where the key stands.
	start, length int
	// The transaction's place in the block.
	tx int
}

func (g *group) add(e entry) { g.all = append(double(g.all, 1), e) }

// double makes room for some more elements, at least as many as there are when there is none: append alone would copy a
// long slice at each quarter more.
func double[E any](all []E, more int) []E {
	if cap(all)-len(all) >= more {
		return all
	}
	return slices.Grow(all, max(more, len(all)))
}

func (e *entries) reset() {
	if len(e.groups) > maxGroups || cap(e.keys) > largestKept {
		*e = entries{}
	}
	if e.numbers == nil {
		e.numbers = make(map[string]int)
	}
	e.keys = e.keys[:0]
	for i := range e.groups {
		e.groups[i].all = e.groups[i].all[:0]
	}
}

// group finds the group of scratch.
func (e *entries) group() *group {
	number, known := e.numbers[string(e.scratch)]
	if !known {
		number = len(e.groups)
		name := string(e.scratch)
		e.groups = append(e.groups, group{name: name})
		e.numbers[name] = number
		e.ordered = false
	}
	return &e.groups[number]
}

// event adds the keys of an event's attributes. A key that CometBFT keeps to itself is handed back.
func (e *entries) event(event *abci.Event, height int64, tx int, number int64) (reserved string) {
	var tail [64]byte
	end := append(strconv.AppendInt(append(tail[:0], separator), height, 10), separator)
	end = append(strconv.AppendInt(end, int64(tx), 10), sequenceMark...)
	end = strconv.AppendInt(end, number, 10)
	for i := range event.Attributes {
		attribute := &event.Attributes[i]
		if len(attribute.Key) == 0 {
			continue
		}
		if event.Type == "tx" && (attribute.Key == "hash" || attribute.Key == "height") {
			return "tx." + attribute.Key
		}
		if !attribute.Index {
			continue
		}
		e.scratch = append(append(append(e.scratch[:0], event.Type...), '.'), attribute.Key...)
		g := e.group()
		e.keys = double(e.keys, len(e.scratch)+1+len(attribute.Value)+len(end))
		start := len(e.keys)
		e.keys = append(append(e.keys, e.scratch...), separator)
		e.keys = append(append(e.keys, attribute.Value...), end...)
		g.add(entry{start: start, length: len(e.keys) - start, tx: tx})
	}
	return ""
}

// height adds the key by which a transaction is found by its height.
func (e *entries) height(height int64, tx int) {
	e.scratch = append(e.scratch[:0], types.TxHeightKey...)
	g := e.group()
	start := len(e.keys)
	e.keys = appendHeightKey(e.keys, height, tx)
	g.add(entry{start: start, length: len(e.keys) - start, tx: tx})
}

func appendHeightKey(to []byte, height int64, tx int) []byte {
	to = append(append(to, types.TxHeightKey...), separator)
	to = append(strconv.AppendInt(to, height, 10), separator)
	to = append(strconv.AppendInt(to, height, 10), separator)
	return append(append(strconv.AppendInt(to, int64(tx), 10), sequenceMark...), '0')
}

// count is that of all keys.
func (e *entries) count() (keys int) {
	for i := range e.groups {
		keys += len(e.groups[i].all)
	}
	return keys
}

// sorted calls for each key, in the order of the groups' names and, in a group, of the keys. Keys of two groups may be
// out of order when a name goes on behind a slash: the database takes them in any order, only more slowly.
func (e *entries) sorted(each func(key []byte, tx int)) {
	if !e.ordered {
		e.order = e.order[:0]
		for i := range e.groups {
			e.order = append(e.order, i)
		}
		slices.SortFunc(e.order, func(one, other int) int { return cmp.Compare(e.groups[one].name, e.groups[other].name) })
		e.ordered = true
	}
	for _, number := range e.order {
		all := e.groups[number].all
		e.sort(all)
		for _, entry := range all {
			each(e.keys[entry.start:entry.start+entry.length], entry.tx)
		}
	}
}

func (e *entries) sort(all []entry) {
	if len(all) < 2 {
		return
	}
	key := func(entry entry) []byte { return e.keys[entry.start : entry.start+entry.length] }
	first := key(all[0])
	shared := len(first)
	for _, entry := range all[1:] {
		other := key(entry)
		shared = min(shared, len(other))
		for !bytes.Equal(first[:shared], other[:shared]) {
			shared--
			for shared > 0 && first[shared-1] != other[shared-1] {
				shared--
			}
		}
	}
	for i := range all {
		rest := key(all[i])[shared:]
		if len(rest) >= 8 {
			all[i].head = binary.BigEndian.Uint64(rest)
			continue
		}
		var padded [8]byte
		copy(padded[:], rest)
		all[i].head = binary.BigEndian.Uint64(padded[:])
	}
	slices.SortFunc(all, func(one, other entry) int {
		if one.head != other.head {
			return cmp.Compare(one.head, other.head)
		}
		return bytes.Compare(key(one)[shared:], key(other)[shared:])
	})
}

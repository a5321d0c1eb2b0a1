package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	abci "github.com/cometbft/cometbft/abci/types"
	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	mempl "github.com/cometbft/cometbft/mempool"
)

// Bytes of a buffer that is kept for the next request.
const keptBuffer = 1 << 20

// broadcaster answers requests that bring transactions, byte for byte as CometBFT's handler does, and hands on all others.
//
// CometBFT parses a body five times, by reflection, and waits for each transaction of a batch before it takes the next. Here
// a body is parsed once and the checks of a batch are asked for one behind the other, answers awaited at the end.
type broadcaster struct {
	next http.Handler
	// Sets the headers that all answers have, logs and recovers.
	wrap        func(http.Handler) http.Handler
	mempool     mempl.Mempool
	limits      *cfg.MempoolConfig
	bodyLimit   int64
	batchLimit  int
	logger      log.Logger
	unanswered  atomic.Int64
	unansweredB atomic.Int64
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

func keep(buffer *[]byte) {
	if cap(*buffer) <= keptBuffer {
		buffers.Put(buffer)
	}
}

// unread is a body that was read and is read again; err is what reading it ended with.
type unread struct {
	bytes.Reader
	err  error
	body io.Closer
}

func (u *unread) Read(to []byte) (int, error) {
	n, err := u.Reader.Read(to)
	if err == io.EOF && u.err != nil {
		err = u.err
	}
	return n, err
}

func (u *unread) Close() error { return u.body.Close() }

func (b *broadcaster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/" || r.ContentLength <= 0 || r.ContentLength > b.bodyLimit {
		b.next.ServeHTTP(w, r)
		return
	}
	buffer := buffers.Get().(*[]byte)
	defer keep(buffer)
	*buffer = grow((*buffer)[:0], int(r.ContentLength))
	read, err := io.ReadFull(r.Body, *buffer)
	var calls []call
	usual := false
	if err == nil {
		calls, usual = parseCalls(*buffer, nil)
	}
	if !usual || (b.batchLimit > 0 && len(calls) > b.batchLimit) {
		again := &unread{err: err, body: r.Body}
		again.Reset((*buffer)[:read])
		r.Body = again
		b.next.ServeHTTP(w, r)
		return
	}
	b.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers := b.check(r.Context(), calls)
		text := buffers.Get().(*[]byte)
		defer keep(text)
		*text = appendAnswers((*text)[:0], calls, answers)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		if _, err := w.Write(*text); err != nil {
			b.logger.Error("failed to write responses", "err", err)
		}
	})).ServeHTTP(w, r)
}

// answer is what became of a call: an error, or the application's answer to a check that was waited for.
type answer struct {
	err   error
	check atomic.Pointer[abci.ResponseCheckTx]
}

// check gives the transactions to the mempool in their order, each as if those before it had been answered, and waits for
// the answers.
func (b *broadcaster) check(ctx context.Context, calls []call) []answer {
	answers := make([]answer, len(calls))
	waiting := newWaiting()
	for i := range calls {
		if !b.room(len(calls[i].tx)) {
			// The next one shall see a mempool to which the ones before it were added.
			waiting.wait(ctx)
		}
		err := b.ask(&calls[i], &answers[i], waiting)
		if errors.Is(err, mempl.ErrTxInCache) && isAmong(calls[i].tx, calls[:i]) {
			// An invalid transaction leaves the cache when it is answered, and the same one is asked for again.
			waiting.wait(ctx)
			err = b.ask(&calls[i], &answers[i], waiting)
		}
		answers[i].err = err
	}
	waiting.wait(ctx)
	for i := range answers {
		if calls[i].sync && answers[i].err == nil && answers[i].check.Load() == nil {
			answers[i].err = fmt.Errorf("broadcast confirmation not received: %w", ctx.Err())
		}
	}
	return answers
}

func isAmong(tx []byte, calls []call) bool {
	for i := range calls {
		if bytes.Equal(tx, calls[i].tx) {
			return true
		}
	}
	return false
}

// room says whether the mempool takes another transaction even when all that are not answered yet turn out valid.
func (b *broadcaster) room(size int) bool {
	return int64(b.mempool.Size())+b.unanswered.Load() < int64(b.limits.Size) &&
		b.mempool.SizeBytes()+b.unansweredB.Load()+int64(size) <= b.limits.MaxTxsBytes
}

func (b *broadcaster) ask(c *call, to *answer, waiting *waiting) error {
	size, awaited := int64(len(c.tx)), c.sync
	b.unanswered.Add(1)
	b.unansweredB.Add(size)
	if awaited {
		waiting.left.Add(1)
	}
	err := b.mempool.CheckTx(c.tx, func(response *abci.ResponseCheckTx) {
		b.unanswered.Add(-1)
		b.unansweredB.Add(-size)
		if awaited {
			to.check.Store(response)
			waiting.done()
		}
	}, mempl.TxInfo{})
	if err != nil {
		b.unanswered.Add(-1)
		b.unansweredB.Add(-size)
		if awaited {
			waiting.done()
		}
	}
	return err
}

// waiting counts what is not answered yet, and one for who will wait.
type waiting struct {
	left atomic.Int64
	zero chan struct{}
}

func newWaiting() *waiting {
	w := &waiting{zero: make(chan struct{}, 1)}
	w.left.Store(1)
	return w
}

func (w *waiting) done() {
	if w.left.Add(-1) == 0 {
		select {
		case w.zero <- struct{}{}:
		default: // Somebody gave up waiting.
		}
	}
}

// wait returns when all is answered or the client is gone. It can be called again.
func (w *waiting) wait(ctx context.Context) {
	w.done()
	select {
	case <-w.zero:
		w.left.Store(1)
	case <-ctx.Done():
		w.left.Add(1)
	}
}

// appendAnswers writes the answers as CometBFT does: of a batch of one without the brackets.
func appendAnswers(to []byte, calls []call, answers []answer) []byte {
	if len(calls) == 1 {
		return appendAnswer(to, &calls[0], &answers[0])
	}
	for i := range calls {
		to = appendAnswer(append(to, "[,"[min(i, 1)]), &calls[i], &answers[i])
	}
	return append(to, ']')
}

func appendAnswer(to []byte, c *call, a *answer) []byte {
	to = append(append(to, `{"jsonrpc":"2.0","id":`...), c.id...)
	if a.err != nil {
		to = append(to, `,"error":{"code":-32603,"message":"Internal error"`...)
		if text := a.err.Error(); text != "" {
			to = appendText(append(to, `,"data":`...), text)
		}
		return append(to, "}}"...)
	}
	var none abci.ResponseCheckTx
	check := a.check.Load()
	if check == nil {
		check = &none
	}
	to = strconv.AppendUint(append(to, `,"result":{"code":`...), uint64(check.Code), 10)
	to = appendHex(append(to, `,"data":`...), check.Data)
	to = appendText(append(to, `,"log":`...), check.Log)
	to = appendText(append(to, `,"codespace":`...), check.Codespace)
	hash := c.tx.Key()
	return append(appendHex(append(to, `,"hash":`...), hash[:]), "}}"...)
}

func appendHex(to, data []byte) []byte {
	to = append(to, '"')
	start := len(to)
	to = hex.AppendEncode(to, data)
	for i := start; i < len(to); i++ {
		if to[i] >= 'a' {
			to[i] -= 'a' - 'A'
		}
	}
	return append(to, '"')
}

func appendText(to []byte, text string) []byte {
	for i := range len(text) {
		if !plain[text[i]] {
			encoded, err := json.Marshal(text)
			if err != nil {
				// A string can always be encoded.
				panic(err)
			}
			return append(to, encoded...)
		}
	}
	return append(append(append(to, '"'), text...), '"')
}

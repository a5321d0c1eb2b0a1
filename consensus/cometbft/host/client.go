package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"sync"
	"time"

	abcicli "github.com/cometbft/cometbft/abci/client"
	abci "github.com/cometbft/cometbft/abci/types"
	cmtnet "github.com/cometbft/cometbft/libs/net"
	"github.com/cometbft/cometbft/libs/service"
)

const (
	// Longest answer, as CometBFT has it.
	maxAnswer = 1<<31 - 1
	// Bytes of requests that wait for the writer. Whoever has more waits.
	maxWaiting = 4 << 20
	// Bytes of a connection's read buffer.
	readBuffer = 64 << 10
	// Pause between two attempts to connect.
	retry = 100 * time.Millisecond
)

// isAddress says whether an application is at the other end of a socket, and not one of those that CometBFT brings along.
func isAddress(app string) bool { return strings.Contains(app, "://") }

// clientCreator makes a connection for each of CometBFT's four uses.
type clientCreator struct{ address string }

func (c clientCreator) NewABCIClient() (abcicli.Client, error) { return newClient(c.address), nil }

// client sends requests to an application over a socket, in ABCI's framing.
//
// Requests are encoded by whoever makes them, into a buffer; one goroutine writes the buffer whenever the socket takes
// more, with a flush behind it, so that requests which come while it writes go out together and no timer is involved.
// (CometBFT's own client holds a request back until a timer of 20 ns fires, which then fires over and over until its writer
// is ready: on a busy machine half of CometBFT's processor time went into that.)
//
// Answers come in the order of the requests. Any error ends the connection and with it CometBFT, as with its own client.
type client struct {
	service.BaseService
	address string
	conn    net.Conn

	mtx      sync.Mutex
	room     *sync.Cond        // the writer took what waited
	waiting  []byte            // encoded, not yet taken by the writer
	asked    []*abcicli.ReqRes // not yet answered, oldest first
	flushed  bool              // the newest of those is a flush
	err      error
	callback abcicli.Callback
	wake     chan struct{}
}

var _ abcicli.Client = (*client)(nil)

func newClient(address string) *client {
	c := &client{address: address, wake: make(chan struct{}, 1)}
	c.room = sync.NewCond(&c.mtx)
	c.BaseService = *service.NewBaseService(nil, "plumeClient", c)
	return c
}

// OnStart connects, however long the application takes to listen.
func (c *client) OnStart() error {
	for attempt := 0; ; attempt++ {
		conn, err := cmtnet.Connect(c.address)
		if err == nil {
			c.conn = conn
			break
		}
		if attempt%100 == 0 {
			c.Logger.Error("cannot connect to the application; trying on", "address", c.address, "error", err)
		}
		time.Sleep(retry)
	}
	go c.write()
	go c.read()
	return nil
}

// OnStop lets everybody go who waits for an answer.
func (c *client) OnStop() {
	if c.conn != nil {
		c.conn.Close()
	}
	c.mtx.Lock()
	defer c.mtx.Unlock()
	for _, asked := range c.asked {
		asked.Done()
	}
	c.asked = nil
	c.room.Broadcast()
}

// fail ends the connection; only the first error counts.
func (c *client) fail(err error) {
	if !c.IsRunning() {
		return
	}
	c.mtx.Lock()
	if c.err == nil {
		c.err = err
	}
	c.mtx.Unlock()
	c.Logger.Error("the connection to the application ended", "error", err)
	if err := c.Stop(); err != nil && !errors.Is(err, service.ErrAlreadyStopped) {
		c.Logger.Error("cannot stop the connection to the application", "error", err)
	}
}

func (c *client) Error() error {
	c.mtx.Lock()
	defer c.mtx.Unlock()
	return c.err
}

func (c *client) SetResponseCallback(callback abcicli.Callback) {
	c.mtx.Lock()
	defer c.mtx.Unlock()
	c.callback = callback
}

// ask queues a request.
func (c *client) ask(request *abci.Request) (*abcicli.ReqRes, error) {
	asked := abcicli.NewReqRes(request)
	c.mtx.Lock()
	for len(c.waiting) > maxWaiting && c.err == nil && c.IsRunning() {
		c.room.Wait()
	}
	if c.err != nil || !c.IsRunning() {
		err := c.err
		c.mtx.Unlock()
		if err == nil {
			err = service.ErrAlreadyStopped
		}
		return nil, err
	}
	err := c.put(asked)
	c.mtx.Unlock()
	if err != nil {
		c.fail(fmt.Errorf("cannot encode a request: %w", err))
		return nil, err
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return asked, nil
}

// put encodes a request; the caller holds the lock.
func (c *client) put(asked *abcicli.ReqRes) error {
	start, size := len(c.waiting), asked.Request.Size()
	c.waiting = binary.AppendUvarint(c.waiting, uint64(size))
	from := len(c.waiting)
	c.waiting = grow(c.waiting, size)
	if _, err := asked.Request.MarshalToSizedBuffer(c.waiting[from:]); err != nil {
		c.waiting = c.waiting[:start]
		return err
	}
	c.asked = append(c.asked, asked)
	_, c.flushed = asked.Request.Value.(*abci.Request_Flush)
	return nil
}

func grow(buffer []byte, by int) []byte {
	if free := cap(buffer) - len(buffer); free < by {
		larger := make([]byte, len(buffer), 2*cap(buffer)+by)
		copy(larger, buffer)
		buffer = larger
	}
	return buffer[:len(buffer)+by]
}

func (c *client) write() {
	var buffer []byte
	for {
		select {
		case <-c.wake:
		case <-c.Quit():
			return
		}
		c.mtx.Lock()
		if len(c.waiting) == 0 {
			c.mtx.Unlock()
			continue
		}
		var err error
		if !c.flushed {
			err = c.put(abcicli.NewReqRes(abci.ToRequestFlush()))
		}
		buffer, c.waiting = c.waiting, buffer[:0]
		c.mtx.Unlock()
		c.room.Broadcast()
		if err != nil {
			c.fail(fmt.Errorf("cannot encode a flush: %w", err))
			return
		}
		if _, err := c.conn.Write(buffer); err != nil {
			c.fail(fmt.Errorf("cannot write to the application: %w", err))
			return
		}
		if cap(buffer) > 2*maxWaiting {
			buffer = nil
		}
	}
}

func (c *client) read() {
	reader := bufio.NewReaderSize(c.conn, readBuffer)
	var frame []byte
	for c.IsRunning() {
		length, err := binary.ReadUvarint(reader)
		if err == nil && length > maxAnswer {
			err = fmt.Errorf("an answer of %d bytes, at most %d are possible", length, maxAnswer)
		}
		if err != nil {
			c.fail(fmt.Errorf("cannot read from the application: %w", err))
			return
		}
		if uint64(cap(frame)) < length {
			frame = make([]byte, length)
		}
		frame = frame[:length]
		if _, err := io.ReadFull(reader, frame); err != nil {
			c.fail(fmt.Errorf("cannot read from the application: %w", err))
			return
		}
		response := &abci.Response{}
		if err := response.Unmarshal(frame); err != nil {
			c.fail(fmt.Errorf("cannot decode an answer: %w", err))
			return
		}
		if exception := response.GetException(); exception != nil {
			c.fail(errors.New(exception.Error))
			return
		}
		if err := c.answer(response); err != nil {
			c.fail(err)
			return
		}
		if cap(frame) > 2*maxWaiting {
			frame = nil
		}
	}
}

// answer hands an answer to the oldest request.
func (c *client) answer(response *abci.Response) error {
	c.mtx.Lock()
	if len(c.asked) == 0 {
		c.mtx.Unlock()
		return fmt.Errorf("an answer of type %T without a request", response.Value)
	}
	asked, callback := c.asked[0], c.callback
	if !fits(asked.Request, response) {
		c.mtx.Unlock()
		return fmt.Errorf("an answer of type %T to a request of type %T", response.Value, asked.Request.Value)
	}
	c.asked[0] = nil
	c.asked = c.asked[1:]
	c.mtx.Unlock()
	asked.Response = response
	asked.Done()
	if callback != nil {
		callback(asked.Request, response)
	}
	asked.InvokeCallback()
	return nil
}

// fits compares the names of the two types: Request_X and Response_X.
func fits(request *abci.Request, response *abci.Response) bool {
	if _, common := request.Value.(*abci.Request_CheckTx); common {
		_, same := response.Value.(*abci.Response_CheckTx)
		return same
	}
	name := func(value any) string {
		_, kind, _ := strings.Cut(reflect.TypeOf(value).String(), "_")
		return kind
	}
	return request.Value != nil && response.Value != nil && name(request.Value) == name(response.Value)
}

// call asks and waits for the answer.
func (c *client) call(request *abci.Request) (*abci.Response, error) {
	asked, err := c.ask(request)
	if err != nil {
		return nil, err
	}
	asked.Wait()
	if err := c.Error(); err != nil {
		return nil, err
	}
	if asked.Response == nil {
		return nil, service.ErrAlreadyStopped
	}
	return asked.Response, nil
}

func (c *client) CheckTxAsync(_ context.Context, request *abci.RequestCheckTx) (*abcicli.ReqRes, error) {
	return c.ask(abci.ToRequestCheckTx(request))
}

func (c *client) Flush(context.Context) error {
	_, err := c.call(abci.ToRequestFlush())
	return err
}

func (c *client) Echo(_ context.Context, message string) (*abci.ResponseEcho, error) {
	response, err := c.call(abci.ToRequestEcho(message))
	return response.GetEcho(), err
}

func (c *client) Info(_ context.Context, request *abci.RequestInfo) (*abci.ResponseInfo, error) {
	response, err := c.call(abci.ToRequestInfo(request))
	return response.GetInfo(), err
}

func (c *client) Query(_ context.Context, request *abci.RequestQuery) (*abci.ResponseQuery, error) {
	response, err := c.call(abci.ToRequestQuery(request))
	return response.GetQuery(), err
}

func (c *client) CheckTx(_ context.Context, request *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	response, err := c.call(abci.ToRequestCheckTx(request))
	return response.GetCheckTx(), err
}

func (c *client) InitChain(_ context.Context, request *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
	response, err := c.call(abci.ToRequestInitChain(request))
	return response.GetInitChain(), err
}

func (c *client) PrepareProposal(
	_ context.Context, request *abci.RequestPrepareProposal,
) (*abci.ResponsePrepareProposal, error) {
	response, err := c.call(abci.ToRequestPrepareProposal(request))
	return response.GetPrepareProposal(), err
}

func (c *client) ProcessProposal(
	_ context.Context, request *abci.RequestProcessProposal,
) (*abci.ResponseProcessProposal, error) {
	response, err := c.call(abci.ToRequestProcessProposal(request))
	return response.GetProcessProposal(), err
}

func (c *client) FinalizeBlock(
	_ context.Context, request *abci.RequestFinalizeBlock,
) (*abci.ResponseFinalizeBlock, error) {
	response, err := c.call(abci.ToRequestFinalizeBlock(request))
	return response.GetFinalizeBlock(), err
}

func (c *client) ExtendVote(_ context.Context, request *abci.RequestExtendVote) (*abci.ResponseExtendVote, error) {
	response, err := c.call(abci.ToRequestExtendVote(request))
	return response.GetExtendVote(), err
}

func (c *client) VerifyVoteExtension(
	_ context.Context, request *abci.RequestVerifyVoteExtension,
) (*abci.ResponseVerifyVoteExtension, error) {
	response, err := c.call(abci.ToRequestVerifyVoteExtension(request))
	return response.GetVerifyVoteExtension(), err
}

func (c *client) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	response, err := c.call(abci.ToRequestCommit())
	return response.GetCommit(), err
}

func (c *client) ListSnapshots(
	_ context.Context, request *abci.RequestListSnapshots,
) (*abci.ResponseListSnapshots, error) {
	response, err := c.call(abci.ToRequestListSnapshots(request))
	return response.GetListSnapshots(), err
}

func (c *client) OfferSnapshot(
	_ context.Context, request *abci.RequestOfferSnapshot,
) (*abci.ResponseOfferSnapshot, error) {
	response, err := c.call(abci.ToRequestOfferSnapshot(request))
	return response.GetOfferSnapshot(), err
}

func (c *client) LoadSnapshotChunk(
	_ context.Context, request *abci.RequestLoadSnapshotChunk,
) (*abci.ResponseLoadSnapshotChunk, error) {
	response, err := c.call(abci.ToRequestLoadSnapshotChunk(request))
	return response.GetLoadSnapshotChunk(), err
}

func (c *client) ApplySnapshotChunk(
	_ context.Context, request *abci.RequestApplySnapshotChunk,
) (*abci.ResponseApplySnapshotChunk, error) {
	response, err := c.call(abci.ToRequestApplySnapshotChunk(request))
	return response.GetApplySnapshotChunk(), err
}

package main

import (
	"time"

	cfg "github.com/cometbft/cometbft/config"
	mempl "github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	protomem "github.com/cometbft/cometbft/proto/tendermint/mempool"
)

// Bytes of transactions in one message to a peer. A larger transaction is a message of its own. A peer takes messages as
// large as the largest transaction that it takes, a mebibyte unless configured otherwise; no message is larger than our own
// largest transaction.
const messageBytes = 16 << 10

// Transactions that wait for the next message to a peer. Whoever adds one more waits.
const messageTxs = 64

// The name under which CometBFT knows the reactor that passes transactions on.
const mempoolReactor = "MEMPOOL"

// gossip is CometBFT's reactor with peers that get the transactions of the mempool many in a message instead of each in one.
// Which transaction goes to whom and when, and what is done with those that come, is CometBFT's.
type gossip struct {
	*mempl.Reactor
	limit int
}

// batchedGossip has a node pass transactions on many in a message. Without a mempool there is nothing to pass on.
func batchedGossip(config *cfg.MempoolConfig) node.Option {
	return func(made *node.Node) {
		if reactor, is := made.Switch().Reactor(mempoolReactor).(*mempl.Reactor); is {
			node.CustomReactors(map[string]p2p.Reactor{mempoolReactor: newGossip(reactor, config)})(made)
		}
	}
}

func newGossip(reactor *mempl.Reactor, config *cfg.MempoolConfig) *gossip {
	return &gossip{reactor, min(messageBytes, config.MaxTxBytes)}
}

// AddPeer implements p2p.Reactor.
func (g *gossip) AddPeer(peer p2p.Peer) {
	box := newOutbox(peer, g.limit)
	go box.empty()
	g.Reactor.AddPeer(box)
}

// outbox is a peer to which transactions are sent together.
type outbox struct {
	p2p.Peer
	limit int
	txs   chan []byte
}

func newOutbox(peer p2p.Peer, limit int) *outbox {
	return &outbox{Peer: peer, limit: limit, txs: make(chan []byte, messageTxs)}
}

// Send returns before the peer has a transaction. What is accepted is sent as long as the peer is there.
func (o *outbox) Send(envelope p2p.Envelope) bool {
	message, is := envelope.Message.(*protomem.Txs)
	if !is || envelope.ChannelID != mempl.MempoolChannel || len(message.Txs) != 1 {
		return o.Peer.Send(envelope)
	}
	select {
	case o.txs <- message.Txs[0]:
		return true
	case <-o.Quit():
		return false
	}
}

// empty sends what there is while the message before it is on its way. Nobody waits for a message to fill up.
func (o *outbox) empty() {
	var next []byte
	for {
		if next == nil {
			select {
			case next = <-o.txs:
			case <-o.Quit():
				return
			}
		}
		var message [][]byte
		if message, next = o.fill(next); !o.send(message) {
			return
		}
	}
}

// fill makes a message that begins with a transaction, and returns the one that would be too much.
func (o *outbox) fill(first []byte) (message [][]byte, next []byte) {
	message = [][]byte{first}
	size := entrySize(first)
	for {
		select {
		case tx := <-o.txs:
			if size += entrySize(tx); size > o.limit {
				return message, tx
			}
			message = append(message, tx)
		default:
			return message, nil
		}
	}
}

// send tries as long as the peer is there: its queue may be full for longer than CometBFT waits.
func (o *outbox) send(message [][]byte) bool {
	envelope := p2p.Envelope{ChannelID: mempl.MempoolChannel, Message: &protomem.Txs{Txs: message}}
	for !o.Peer.Send(envelope) {
		select {
		case <-time.After(mempl.PeerCatchupSleepIntervalMS * time.Millisecond):
		case <-o.Quit():
			return false
		}
	}
	return true
}

// entrySize is what a transaction takes in a message: tag, length and itself.
func entrySize(tx []byte) int {
	return (&protomem.Txs{Txs: [][]byte{tx}}).Size()
}

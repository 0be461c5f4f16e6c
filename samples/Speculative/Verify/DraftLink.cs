using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary>
/// The verifier's hold on whoever proposes candidates.
/// <code>
///            it has failed, and its process has ended ──→ TakenOver   we go on from the cache that it has written into our memory
/// Remote ──┤
///            it has failed, and may still write ────────→ Lost        we go on without candidates; its blocks stay in quarantine
/// </code>
/// </summary>
/// <remarks>One caller at a time. Reads the agent's notifications; nobody else does. Owns its block pool and, after a take-over, a runner.</remarks>
internal sealed partial class DraftLink : IAsyncDisposable
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);

    // From a broken connection to the news that its process has ended, or the other way round.
    private static readonly TimeSpan EndGrace = TimeSpan.FromSeconds(10);

    private readonly NixlAgent _agent;
    private readonly KvPool<KjvDraftKv> _pool;
    private readonly DraftModel _model;
    private readonly RemoteAgent _draft;
    private readonly ArrivalPlan _plan;
    private readonly CancellationToken _exited;
    private readonly TimeSpan _timeout;
    private readonly byte[] _payload = new byte[NixlAgent.MaxNotificationBytes];
    private LlamaRunner? _runner;
    private SequenceAtPeer? _sequence;
    private int _sequences;

    private DraftLink(NixlAgent agent, KvPool<KjvDraftKv> pool, DraftModel model, RemoteAgent draft, TimeSpan timeout, CancellationToken exited)
    {
        (_agent, _pool, _model, _draft, _timeout, _exited) = (agent, pool, model, draft, timeout, exited);
        _plan = ArrivalPlan.SamePlacement(pool);
        Blocks = new BlockPool((int)pool.Blocks, new BlockPoolOptions { Name = "draft", Owner = new PeerIdentity(agent.Name, agent.Incarnation) });
    }

    /// <summary>Where it is.</summary>
    internal DraftState State { get; private set; }

    /// <summary>Why it is not remote any more.</summary>
    internal string? Failure { get; private set; }

    /// <summary>Who has which of the blocks that the draft engine writes.</summary>
    internal BlockPool Blocks { get; }

    /// <summary>Bytes of keys and values that have come, as the transport counted them.</summary>
    internal long BytesArrived { get; private set; }

    /// <summary>WRITEs that have come.</summary>
    internal int Writes { get; private set; }

    /// <summary>What the draft engine says its candidates took, or took here after a take-over.</summary>
    internal TimeSpan Drafting { get; private set; }

    /// <summary>Positions that the draft model has computed in this process: after a take-over.</summary>
    internal long PositionsComputedHere => _runner?.TokensComputed ?? 0;

    /// <summary>For tests: the tokens of the current sequence whose keys and values are said to be here, by position, and in which blocks.</summary>
    internal (int[] Tokens, int[] Blocks) Transferred => ([.. _sequence!.Cached.Tokens], _sequence.Lease.Blocks.ToArray());

    internal string Transport => _draft.Transport.ToString();

    internal string Provider => _draft.Provider;

    /// <summary>Waits for a draft engine's hello, and connects to it.</summary>
    /// <param name="agent">The verifier's agent.</param>
    /// <param name="pool">Where the draft engine's cache goes.</param>
    /// <param name="model">The draft model, for a take-over.</param>
    /// <param name="peer">The draft engine; knows when it has certainly ended.</param>
    /// <param name="timeout">Deadline of every wait.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="TimeoutException">None came.</exception>
    /// <exception cref="InvalidDataException">It ended, or said something else.</exception>
    internal static async Task<DraftLink> AcceptAsync(
        NixlAgent agent, KvPool<KjvDraftKv> pool, DraftModel model, DraftPeer peer, TimeSpan timeout, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation, peer.Exited);
        deadline.CancelAfter(timeout);
        try
        {
            await foreach (var notification in agent.ReadNotificationsAsync(deadline.Token))
            {
                if (SpeculationMessage.Parse(notification.Payload.Span) is not HelloMessage { Metadata: not null } hello)
                    throw new InvalidDataException($"'{notification.Sender}' did not begin with a hello.");
                var draft = await agent.ConnectAsync(hello.Metadata, new ConnectOptions { Timeout = timeout }, deadline.Token);
                if (draft.Name != notification.Sender) throw new InvalidDataException($"'{notification.Sender}' said hello with the metadata of '{draft.Name}'.");
                return new DraftLink(agent, pool, model, draft, timeout, peer.Exited);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // Said below.
        }
        cancellation.ThrowIfCancellationRequested();
        throw peer.Exited.IsCancellationRequested
            ? new InvalidDataException("The draft engine ended before it said hello; what it said is above.")
            : new TimeoutException($"No draft engine said hello within {timeout.TotalSeconds} s.");
    }

    /// <summary>Begins a sequence; the first candidates are computed meanwhile.</summary>
    /// <param name="known">Its tokens.</param>
    /// <param name="positions">The most positions that it will have.</param>
    /// <param name="k">Candidates that are wanted first.</param>
    /// <param name="cancellation">Gives up.</param>
    internal async ValueTask BeginAsync(IReadOnlyList<int> known, int positions, int k, CancellationToken cancellation)
    {
        if (_sequence is not null) throw new InvalidOperationException("One sequence at a time.");
        if (State == DraftState.Lost) return;
        var count = (positions + KjvDraftKv.BlockTokens - 1) / KjvDraftKv.BlockTokens;
        var lease = await Blocks.ReserveAsync(count, _timeout, cancellation);
        _sequence = new SequenceAtPeer(++_sequences, lease);
        if (State == DraftState.TakenOver)
        {
            StartHere(_sequence);
            return;
        }
        lease.Expect(_plan, count);
        var grant = _sequence.Grant = lease.GrantWrite(PeerIdentity.Of(_draft));
        try
        {
            var begin = new BeginMessage(_sequence.Number, [.. known], k, lease.Blocks.ToArray(), grant.Token.Value);
            await _agent.NotifyAsync(_draft, begin.ToBytes(), _timeout, cancellation);
        }
        catch (NixlException e)
        {
            await FailAsync(e, cancellation);
        }
    }

    /// <summary>Candidates after the known tokens; none if there is nobody to propose any.</summary>
    /// <param name="known">All tokens: those of the last call, the candidates that were accepted, and the verifier's own.</param>
    /// <param name="k">Candidates that are wanted, at least 1.</param>
    /// <param name="cancellation">Gives up.</param>
    internal async ValueTask<int[]> ProposeAsync(IReadOnlyList<int> known, int k, CancellationToken cancellation)
    {
        if (State == DraftState.Remote)
        {
            try
            {
                return await AskAsync(_sequence!, known, k, cancellation);
            }
            catch (Exception e) when (e is NixlException or InvalidDataException or TimeoutException)
            {
                await FailAsync(e, cancellation);
            }
        }
        if (State != DraftState.TakenOver) return [];
        try
        {
            var clock = System.Diagnostics.Stopwatch.StartNew();
            var candidates = _sequence!.Drafter!.Propose(known, k).Candidates;
            Drafting += clock.Elapsed;
            return candidates;
        }
        catch (ArithmeticException e)
        {
            // What the draft engine had written were no numbers. The answer does not depend on it.
            (State, Failure) = (DraftState.Lost, $"{Failure}; and its cache cannot be used: {e.Message}");
            return [];
        }
    }

    /// <summary>Ends the sequence: its blocks are free when nobody can write them any more. Never throws for a peer's sake.</summary>
    internal async ValueTask EndAsync()
    {
        if (_sequence is not { } sequence) return;
        try
        {
            if (State == DraftState.Remote)
            {
                using var deadline = new CancellationTokenSource(_timeout);
                await _agent.NotifyAsync(_draft, new EndMessage(sequence.Number).ToBytes(), _timeout, deadline.Token);
                // A proposal that nobody asked for any more may come before it.
                while (await ReceiveAsync(deadline.Token) is not (EndedMessage ended, _) || ended.Sequence != sequence.Number)
                {
                }
                Blocks.Confirm(sequence.Grant!.Token, PeerIdentity.Of(_draft));
            }
        }
        catch (Exception e) when (e is NixlException or InvalidDataException or TimeoutException)
        {
            await FailAsync(e, CancellationToken.None);
        }
        sequence.Lease.Dispose(); // free, or in quarantine for as long as the draft engine's grant is open
        _sequence = null;
    }

    /// <summary>The draft engine's process has ended: what it could write is free.</summary>
    internal void DraftHasExited() => Blocks.PeerExited(PeerIdentity.Of(_draft));

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _runner?.Dispose();
        Blocks.Dispose();
    }
}

/// <summary>Who proposes candidates.</summary>
internal enum DraftState
{
    /// <summary>The draft engine.</summary>
    Remote,

    /// <summary>This process, with the cache that the draft engine has left.</summary>
    TakenOver,

    /// <summary>Nobody.</summary>
    Lost,
}

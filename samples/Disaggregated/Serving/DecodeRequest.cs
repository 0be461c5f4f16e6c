using System.Diagnostics;
using System.Threading.Channels;
using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// A request while it is answered. What happens to it goes into a queue without bound, so that a slow reader holds up nobody.
/// <code>
/// queued ──→ remote ──reserved──layers──arrived──→ in the steps ──tokens──→ finished
///              │ failed: the next prefill engine     ▲
///              └──nobody left──→ local ──reserved────┘
/// any ──deadline, client gone, engine ends──→ failed
/// </code>
/// </summary>
internal sealed class DecodeRequest : ISequenceOwner
{
    private readonly Channel<EngineEvent> _events = Channel.CreateUnbounded<EngineEvent>(new UnboundedChannelOptions { SingleReader = true });
    private readonly TaskCompletionSource<FinishReason> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ServingEngine _engine;
    private readonly ITokenStream _text;
    private readonly long _began = Stopwatch.GetTimestamp();
    private readonly int[] _tokens; // of the prompt, and of the answer as far as the client has it
    private Sequence? _sequence; // the loop's
    private bool _wasAdmitted; // the loop's
    private long _started; // the loop's; 0 once its prompt is computed

    internal DecodeRequest(ServingEngine engine, GenerateRequest request)
    {
        (_engine, Request) = (engine, request);
        _tokens = [.. request.Prompt, .. request.Emitted];
        _text = engine.Model.Tokenizer.CreateStream();
        foreach (var token in request.Emitted) _text.Append(token); // a character may go on behind them
        Spec = new SequenceSpec(request.Id, _tokens, Math.Max(1, request.MaxTokens - request.Emitted.Length)) { Order = engine.NextOrder() };
    }

    internal GenerateRequest Request { get; }

    /// <summary>Until its deadline; at least a millisecond, for waits that want more than nothing.</summary>
    internal TimeSpan Left => TimeSpan.FromSeconds(Request.TimeoutSeconds) - Stopwatch.GetElapsedTime(_began) is var left && left > TimeSpan.FromMilliseconds(1) ? left : TimeSpan.FromMilliseconds(1);

    /// <summary>All tokens that are known.</summary>
    internal int[] Prompt => _tokens;

    /// <summary>What is left to compute.</summary>
    internal SequenceSpec Spec { get; }

    /// <summary>What happens to it, in order. Ends with the last event.</summary>
    internal ChannelReader<EngineEvent> Events => _events.Reader;

    internal void Emit(EngineEvent happened) => _events.Writer.TryWrite(happened);

    /// <summary>Answers it. Never throws.</summary>
    /// <param name="client">The client is gone.</param>
    /// <param name="stopping">The engine ends.</param>
    internal async Task RunAsync(CancellationToken client, CancellationToken stopping)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(client, stopping);
        deadline.CancelAfter(TimeSpan.FromSeconds(Request.TimeoutSeconds));
        RemoteCache? come = null;
        EngineEvent last;
        try
        {
            if (AlreadyComplete() is { } reason)
            {
                _ended.SetResult(reason);
            }
            else
            {
                come = await new RemotePrompt(_engine, this).TryGetAsync(deadline.Token);
                if (come is null) _engine.Loop.Post(Begin);
                else await AdoptAsync(come);
            }
            var why = await _ended.Task.WaitAsync(deadline.Token);
            last = why == FinishReason.Failed
                ? new FailedEvent(Clock.Now, "notNumbers", "The logits are not numbers: a block of the request's cache was read that was not written.", CanRetry: true)
                : new FinishedEvent(Clock.Now, why == FinishReason.Stop ? "stop" : "length", _text.Finish());
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            last = Explain(e, client, stopping);
        }
        // Not before the model has left them: the blocks belong to the sequence, too.
        await _engine.Loop.AbortAsync(() => _sequence);
        foreach (var receive in come?.Receives ?? []) receive.Dispose();
        _engine.Loop.Wake();
        if (last is FinishedEvent) EngineCounters.Add(ref _engine.Counters.RequestsFinished);
        else if (last is FailedEvent { Code: "aborted" }) EngineCounters.Add(ref _engine.Counters.RequestsAborted);
        else EngineCounters.Add(ref _engine.Counters.RequestsFailed);
        Emit(last);
        _events.Writer.Complete();
    }

    void ISequenceOwner.Admitted(Sequence sequence)
    {
        if (!_wasAdmitted) Emit(new ReservedEvent(Clock.Now, sequence.Blocks, sequence.CachedTokens));
        _started = _wasAdmitted ? 0 : Stopwatch.GetTimestamp();
        _wasAdmitted = true;
    }

    void ISequenceOwner.Token(Sequence sequence, int token)
    {
        if (_started > 0) _engine.Advisor.ObserveLocalPrefill(_tokens.Length - sequence.CachedTokens, Stopwatch.GetElapsedTime(_started));
        _started = 0;
        Tell(token);
        if (sequence.FinishReason is { } reason) _ended.TrySetResult(reason);
    }

    void ISequenceOwner.NotNumbers(Sequence sequence) => _ended.TrySetResult(FinishReason.Failed);

    /// <summary>The engine that died had said the last token, and not that it was the last.</summary>
    private FinishReason? AlreadyComplete() => Request.Emitted.Length == 0 ? null
        : _engine.Model.Config.EosTokens.Contains(Request.Emitted[^1]) ? FinishReason.Stop
        : Request.Emitted.Length >= Request.MaxTokens ? FinishReason.Length
        : null;

    private void Begin()
    {
        try
        {
            _sequence = _engine.Loop.Add(Spec, this);
        }
        catch (ArgumentException e)
        {
            _ended.TrySetException(e);
        }
    }

    private void Tell(int token)
    {
        EngineCounters.Add(ref _engine.Counters.TokensGenerated);
        Emit(new TokenEvent(Clock.Now, token, _text.Append(token)));
    }

    /// <summary>The blocks that have come join the steps. The first token came with them: it does not wait for the step that is being computed.</summary>
    private async Task AdoptAsync(RemoteCache come)
    {
        Tell(come.Told.FirstToken);
        await Task.Yield(); // this thread sends it, before the loop's one is woken and computes
        _engine.Loop.Post(() =>
        {
            try
            {
                _sequence = _engine.Loop.Adopt(Spec, [.. come.Receives.Select(receive => receive.Leases[0])], come.Told.FirstToken, this);
                if (_sequence.FinishReason is { } reason) _ended.TrySetResult(reason);
            }
            catch (Exception e) when (e is ArgumentException or ObjectDisposedException)
            {
                _ended.TrySetException(e);
            }
        });
        come.Count(_engine.Advisor);
    }

    private FailedEvent Explain(Exception e, CancellationToken client, CancellationToken stopping) => e switch
    {
        _ when _engine.Loop.Failure is { } failure => new FailedEvent(Clock.Now, "failed", failure.Message, CanRetry: true),
        _ when client.IsCancellationRequested => new FailedEvent(Clock.Now, "aborted", "The client is gone.", CanRetry: false),
        _ when stopping.IsCancellationRequested => new FailedEvent(Clock.Now, "stopping", $"Engine {_engine.Options.Name} ends.", CanRetry: true),
        OperationCanceledException => new FailedEvent(Clock.Now, "timeout", $"No complete answer within {Request.TimeoutSeconds} s.", CanRetry: false),
        BlocksExhaustedException => new FailedEvent(Clock.Now, "timeout", e.Message, CanRetry: true),
        _ => new FailedEvent(Clock.Now, "failed", e.Message, CanRetry: true),
    };
}

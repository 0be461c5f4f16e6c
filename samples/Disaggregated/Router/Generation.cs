using System.Diagnostics;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// One answer, whichever engines it takes. An engine that dies, or that fails in a way that another one need not, is left; the next one is given the
/// prompt and the tokens so far and goes on behind them. So <see cref="Tokens"/> has every token once, in order.
/// </summary>
/// <remarks>
/// <code>
/// choose ──→ sent ──taken──→ tokens … ──→ finished
///   ↑          │refused         │ connection ends, engine dead, FailedEvent.CanRetry
///   └──────────┴────────────────┘
/// </code>
/// What no engine has taken yet is refused if none can take it, though not before one that is suspect has had 2 s to come back; what one has taken waits for another one, until its deadline. Tokens are read as they
/// come and kept for the client: a slow client holds no engine up. There are at most as many as the client has asked for.
/// </remarks>
internal sealed class Generation
{
    private const int MostFruitless = 8;
    private static readonly TimeSpan Wait = TimeSpan.FromMilliseconds(250);

    private readonly RouterContext _router;
    private readonly string _id;
    private readonly int[] _prompt;
    private readonly int _maxTokens;
    private readonly TimeSpan _timeout;
    private readonly RequestTrace _trace;
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly List<int> _answer = [];
    private readonly Channel<int> _tokens = Channel.CreateUnbounded<int>(new UnboundedChannelOptions
    {
        SingleReader = true, SingleWriter = true, AllowSynchronousContinuations = true, // the client's part goes on at once, up to where it waits
    });
    private readonly TaskCompletionSource _taken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _last;
    private int _attempts;
    private string? _finish;

    internal Generation(RouterContext router, string id, int[] prompt, CompletionRequest request)
    {
        (_router, _id, _prompt, _maxTokens, _timeout) = (router, id, prompt, request.MaxTokens, request.Timeout);
        _trace = router.Feed.Begin(id, router.Options.Model.Tokenizer.Decode(prompt.AsSpan(0, Math.Min(prompt.Length, LiveFeed.PromptTokens))), prompt.Length, _maxTokens);
    }

    /// <summary>Ends when an engine has taken it, or fails with why none did.</summary>
    internal Task Taken => _taken.Task;

    /// <summary>The tokens as they come; fails with an <see cref="ApiException"/> if they end too early.</summary>
    internal ChannelReader<int> Tokens => _tokens.Reader;

    /// <summary>stop or length, once it has ended.</summary>
    internal string FinishReason => _finish ?? "length";

    /// <summary>Tokens of the prompt that the first engine had already.</summary>
    internal int CachedTokens { get; private set; }

    /// <summary>Answers the request. Never fails: what goes wrong is told by <see cref="Taken"/> and <see cref="Tokens"/>.</summary>
    /// <param name="complete">Asked when it was aborted: whether that is because the answer is complete, at a stop text.</param>
    /// <param name="aborted">Nobody wants it any more.</param>
    internal async Task RunAsync(Func<bool> complete, CancellationToken aborted)
    {
        Exception? failure = null;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        deadline.CancelAfter(_timeout);
        try
        {
            await AnswerAsync(deadline.Token);
            Ended(_finish!, "done", "");
        }
        catch (OperationCanceledException) when (aborted.IsCancellationRequested)
        {
            if (complete()) Ended("stop", "done", "");
            else Ended("aborted", "aborted", "the client is gone");
            failure = new OperationCanceledException(aborted);
        }
        catch (OperationCanceledException)
        {
            failure = ApiException.TimedOut(_timeout);
            Ended("timeout", "failed", failure.Message);
        }
        catch (ApiException e)
        {
            failure = e;
            if (_taken.Task.IsCompletedSuccessfully) Ended(e.Reason, "failed", e.Message);
            else Ended("refused", "refused", e.Message);
        }
        catch (Exception e)
        {
            _router.Logger.LogError(e, "{Request} failed", _id);
            failure = ApiException.Failed("The router failed; its log says more.");
            Ended("failed", "failed", e.Message);
        }
        if (_last != 0) _router.Admission.Ended();
        if (failure is null) _taken.TrySetResult();
        else _taken.TrySetException(failure);
        _tokens.Writer.TryComplete(failure);
    }

    private void Ended(string outcome, string state, string reason)
    {
        _router.Metrics.Ended(outcome, _prompt.Length);
        _trace.End(state, reason);
    }

    private async Task AnswerAsync(CancellationToken cancellation)
    {
        HashSet<Worker> excluded = [];
        List<EngineRefusedException> refusals = [];
        var fruitless = 0;
        while (_finish is null)
        {
            var workers = _router.Workers.Workers;
            var changed = _router.Workers.Changed;
            if (WorkerChoice.Choose(workers, [.. _prompt, .. _answer], excluded, _router.NextTurn()) is not { } choice)
            {
                if (!_taken.Task.IsCompleted && !MayComeBack(workers, refusals)) throw Refusal(refusals);
                excluded.Clear();
                await Task.WhenAny(changed, Task.Delay(Wait, cancellation));
                await Task.Delay(Wait / 10, cancellation);
                continue;
            }
            var (before, worker) = (_answer.Count, choice.Decode);
            string? failure;
            try
            {
                failure = await AttemptAsync(choice, cancellation);
            }
            catch (EngineRefusedException e) when (e.Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
            {
                refusals.Add(e);
                excluded.Add(worker);
                continue;
            }
            catch (EngineRefusedException e)
            {
                throw e.Status == StatusCodes.Status400BadRequest && _answer.Count == 0
                    ? ApiException.Invalid("prompt", e.Message) : ApiException.Failed($"{worker.Name}: {e.Message}");
            }
            if (failure is null || IsComplete()) break;
            if (_answer.Count > before)
            {
                fruitless = 0;
                excluded.Clear();
            }
            excluded.Add(worker);
            if (_taken.Task.IsCompleted) FailedOver(worker, failure);
            if (++fruitless > MostFruitless) throw ApiException.Failed($"{MostFruitless} engines one after the other failed; the last one, {worker.Name}: {failure}");
        }
    }

    /// <summary>Sends it to an engine and takes what comes.</summary>
    /// <returns>Why another engine has to go on; null if the answer is complete.</returns>
    private async Task<string?> AttemptAsync(WorkerChoice choice, CancellationToken cancellation)
    {
        var worker = choice.Decode;
        using var attempt = CancellationTokenSource.CreateLinkedTokenSource(cancellation, worker.Lost);
        using var load = new AttemptLoad(choice);
        var remaining = _timeout - Stopwatch.GetElapsedTime(_start);
        var request = new GenerateRequest($"{_id}.{_attempts++}", _prompt, _maxTokens)
        {
            Emitted = [.. _answer],
            Prefill = [.. choice.Prefill.Select(prefill => prefill.Name)],
            TimeoutSeconds = Math.Max(0.01, remaining.TotalSeconds),
        };
        var mayAsk = choice.MayAsk(_prompt.Length); // before it counts as known
        await using var ahead = SendAhead(choice, request, attempt.Token);
        _trace.Sent(worker.Name);
        try
        {
            using var answer = await worker.Client.BeginAsync(request, attempt.Token);
            _taken.TrySetResult();
            ahead?.Taken();
            worker.Prefixes.Add(choice.Hashes);
            var isFirst = true;
            await foreach (var happened in EngineClient.ReadEventsAsync(answer, attempt.Token))
            {
                _trace.On(happened);
                load.On(happened);
                switch (happened)
                {
                    case ReservedEvent reserved when request.Emitted.Length == 0: CachedTokens = reserved.CachedTokens; break;
                    case PrefillEvent place:
                        if (mayAsk) worker.AsksElsewhere = place.Engine != worker.Name;
                        if (place.Engine != request.Prefill.FirstOrDefault()) ahead?.GiveUp();
                        break;
                    case FailoverEvent failover:
                        ahead?.GiveUp();
                        PrefillFailedOver(failover);
                        break;
                    case TokenEvent token when isFirst && ahead is not null:
                        isFirst = false;
                        var known = await ahead.SettleAsync(attempt.Token);
                        if (known is null) Take(token.Token);
                        else if (known != token.Token) return $"its first token is {token.Token}, and the client has {known} from {request.Prefill[0]}";
                        break;
                    case TokenEvent token: Take(token.Token); break;
                    case FinishedEvent finished:
                        _finish = finished.Reason;
                        worker.Prefixes.Add(PrefixIndex.HashesOf([.. _prompt, .. _answer], worker.BlockTokens)); // a next turn of a conversation begins so
                        return null;
                    case FailedEvent { Code: "timeout" }: throw ApiException.TimedOut(_timeout);
                    case FailedEvent { CanRetry: true } failed: return failed.Error;
                    case FailedEvent failed: throw ApiException.Failed($"{worker.Name}: {failed.Error}");
                    default: break;
                }
            }
            throw new EngineUnreachableException("its connection ended before the answer did");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return $"{worker.State}: {worker.Problem}";
        }
        catch (EngineUnreachableException e)
        {
            worker.Broke(e.Message);
            return e.Message;
        }
    }

    /// <summary>Sends the prompt to the prefill engine that the decode engine will ask, if that can be known. Not after a fail-over: the client has a first token.</summary>
    private PromptAhead? SendAhead(WorkerChoice choice, GenerateRequest request, CancellationToken cancellation)
    {
        if (!_router.Options.SendsAhead || _answer.Count > 0 || choice.WillAsk(_prompt.Length) is not { } prefill) return null;
        request.Ahead = request.Id;
        return new PromptAhead(prefill.Client, new PrefillRequest(request.Ahead, _prompt) { TimeoutSeconds = request.TimeoutSeconds }, first =>
        {
            _trace.On(first);
            Take(first.Token, from: EngineRole.Prefill);
        }, _router.Logger, cancellation);
    }

    private void Take(int token, EngineRole from = EngineRole.Decode)
    {
        if (IsComplete()) return; // more than was asked for is not the client's
        _answer.Add(token);
        var now = Stopwatch.GetTimestamp();
        if (_last == 0)
        {
            _router.Admission.FirstToken();
            _router.Metrics.FirstToken(Stopwatch.GetElapsedTime(_start, now), from);
        }
        else _router.Metrics.NextToken(Stopwatch.GetElapsedTime(_last, now));
        _last = now;
        _tokens.Writer.TryWrite(token); // after it is counted: the client's part runs on this thread, and how long it takes is not ours
    }

    /// <summary>Whether the tokens themselves say that the answer is complete, even if its engine could not say so any more.</summary>
    private bool IsComplete()
    {
        if (_answer is not [.., var last]) return false;
        if (_router.Options.Model.EosTokens.Contains(last)) _finish ??= "stop";
        else if (_answer.Count >= _maxTokens) _finish ??= "length";
        else return false;
        return true;
    }

    /// <summary>An engine whose connection broke, or that was slow to say how it is, is mostly there again within the second.</summary>
    private bool MayComeBack(Worker[] workers, List<EngineRefusedException> refusals) =>
        refusals.Count == 0 && Stopwatch.GetElapsedTime(_start) < _router.Options.SuspectPatience && Array.Exists(workers, worker => worker is { Decodes: true, State: WorkerState.Suspect });

    private ApiException Refusal(List<EngineRefusedException> refusals)
    {
        var reasons = string.Join("; ", refusals.Select(refusal => refusal.Message).Distinct());
        if (refusals.Any(refusal => refusal.Status == StatusCodes.Status429TooManyRequests)) return ApiException.Full($"All decode engines are full: {reasons}.");
        return ApiException.NoEngine(refusals.Count > 0 ? $"No decode engine takes requests: {reasons}." : _router.WhyNoEngine());
    }

    private void FailedOver(Worker from, string reason)
    {
        _router.Metrics.FailedOver("decode");
        _trace.FailedOver($"{from.Name}: {reason}");
        _router.Feed.Log(LogKind.Failover, $"{_id}: {from.Name} failed after {_answer.Count} tokens ({reason}); another engine goes on");
    }

    private void PrefillFailedOver(FailoverEvent failover)
    {
        _router.Metrics.FailedOver("prefill");
        _router.Feed.Log(LogKind.Failover, $"{_id}: prefill went from {failover.From} to {failover.To}: {failover.Reason}");
    }
}

using System.Runtime.CompilerServices;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>One choice of a completion while it runs: its generation, turned into pieces of text. Starts at once.</summary>
internal sealed class CompletionRun : IDisposable
{
    private readonly int _index;
    private readonly int[] _prompt;
    private readonly CompletionRequest _request;
    private readonly RouterContext _router;
    private readonly CompletionText _text;
    private readonly CancellationTokenSource _stop;
    private int _tokens;

    internal CompletionRun(RouterContext router, string id, int index, int[] prompt, CompletionRequest request, CancellationToken aborted)
    {
        (_router, _index, _prompt, _request) = (router, index, prompt, request);
        _text = new CompletionText(router.Options.Model.Tokenizer, request.Stop);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        Generation = new Generation(router, id, prompt, request);
        Ended = Generation.RunAsync(() => _text.Stopped, _stop.Token);
    }

    internal Generation Generation { get; }

    /// <summary>No engine works for it any more.</summary>
    internal Task Ended { get; }

    /// <summary>Does something for all choices at once; where one fails, the others are ended and the failure is thrown.</summary>
    internal static Task ForAllAsync(CompletionRun[] runs, Func<CompletionRun, CancellationToken, Task> each, CancellationToken cancellation) =>
        Parallel.ForEachAsync(
            runs, new ParallelOptions { MaxDegreeOfParallelism = runs.Length, CancellationToken = cancellation }, async (run, token) => await each(run, token));

    internal static CompletionUsage Usage(IReadOnlyCollection<CompletionRun> runs)
    {
        int prompt = runs.Sum(run => run._prompt.Length), answer = runs.Sum(run => run._tokens);
        return new CompletionUsage(prompt, answer, prompt + answer, new PromptTokensDetails(runs.Sum(run => run.Generation.CachedTokens)));
    }

    /// <summary>The pieces of the answer as they come; the last one has the reason for its end. What has come meanwhile is one piece.</summary>
    /// <exception cref="ApiException">There is no more of it.</exception>
    internal async IAsyncEnumerable<CompletionChoice> ReadAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        if (_request.Echo) yield return Piece(_router.Options.Model.Tokenizer.Decode(_prompt), [], null);
        while (!_text.Stopped && await Generation.Tokens.WaitToReadAsync(cancellation))
        {
            var text = "";
            List<int> tokens = [];
            while (!_text.Stopped && Generation.Tokens.TryRead(out var token))
            {
                text += _text.Append(token);
                tokens.Add(token);
            }
            _tokens += tokens.Count;
            if (text.Length > 0 || _request.TokenIds) yield return Piece(text, tokens, null);
        }
        var rest = _text.Finish();
        // A stop text ends the answer before the engine does: it is told so by the end of its connection.
        if (_text.Stopped) await _stop.CancelAsync();
        yield return Piece(rest, [], _text.Stopped ? "stop" : Generation.FinishReason);
    }

    private CompletionChoice Piece(string text, List<int> tokens, string? finish) =>
        new(_index, text, finish) { TokenIds = _request.TokenIds ? [.. tokens] : null };

    public void Dispose() => _stop.Dispose();
}

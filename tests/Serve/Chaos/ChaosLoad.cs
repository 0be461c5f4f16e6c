using System.Collections.Concurrent;

namespace Nixl.Sdk.Serve;

/// <summary>The clients of the chaos test: most want their answer, as a stream or in one piece, some go away in the middle. Thread-safe.</summary>
internal sealed class ChaosLoad(Uri router, ChaosOptions options) : IDisposable
{
    private const int Prompts = 120;

    private readonly CompletionClient _client = new(router, options.Deadline, options.Grace);
    private readonly IReadOnlyList<ServePrompt> _prompts = PromptSet.Create(options.Seed, Prompts);
    private readonly ConcurrentBag<Answer> _answers = [];

    /// <summary>Everything that has ended.</summary>
    internal IReadOnlyCollection<Answer> Answers => _answers;

    /// <summary>Sends requests until it is told to stop, and then waits for those on their way.</summary>
    internal Task RunAsync(CancellationToken stop) => Task.WhenAll(Enumerable.Range(0, options.Clients).Select(client => Task.Run(async () =>
    {
        var random = new Random(HashCode.Combine(options.Seed, client));
        while (!stop.IsCancellationRequested)
        {
            using var abort = new CancellationTokenSource();
            if (random.Next(8) == 0) abort.CancelAfter(random.Next(1, 600));
            var answer = await SendAsync(_prompts[random.Next(Prompts)], stream: random.Next(5) > 0, abort.Token);
            // Who is refused comes again in a moment, not at once.
            if (answer.Outcome != Outcome.Done) await Task.Delay(random.Next(20, 200), CancellationToken.None);
        }
    }, CancellationToken.None)));

    /// <summary>More requests at once than the router takes.</summary>
    internal Task BurstAsync() => Task.WhenAll(
        _prompts.OrderBy(prompt => prompt.PromptTokens).Take(options.RouterQueue + options.Clients).Select(prompt => SendAsync(prompt, stream: true, CancellationToken.None)));

    /// <summary>One request after the other, each of which has to be answered.</summary>
    /// <param name="count">How many.</param>
    /// <param name="seed">Of their prompts: others than those of the load, which are cached everywhere.</param>
    /// <returns>Those that were not.</returns>
    internal async Task<IReadOnlyList<Answer>> ProbeAsync(int count, int seed)
    {
        List<Answer> failed = [];
        foreach (var prompt in PromptSet.Create(seed, count))
            if (await SendAsync(prompt, stream: true, CancellationToken.None) is { Outcome: not Outcome.Done } answer) failed.Add(answer);
        return failed;
    }

    public void Dispose() => _client.Dispose();

    private async Task<Answer> SendAsync(ServePrompt prompt, bool stream, CancellationToken abort)
    {
        var answer = await _client.CompleteAsync(prompt, stream, abort);
        _answers.Add(answer);
        return answer;
    }
}

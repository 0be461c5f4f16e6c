namespace Nixl.Sdk.Serve;

/// <summary>Many clients at once.</summary>
internal static class Load
{
    /// <summary>Each client sends its next request when it has the answer of the last one.</summary>
    /// <param name="clients">Clients at a time.</param>
    /// <param name="prompts">Requests, in order; each is sent once.</param>
    /// <param name="send">Sends one.</param>
    /// <param name="cancellation">Nothing more is sent; what is on its way is waited for.</param>
    internal static async Task<Answer[]> ClosedAsync(
        int clients, IReadOnlyList<ServePrompt> prompts, Func<ServePrompt, Task<Answer>> send, CancellationToken cancellation)
    {
        var next = -1;
        var answers = await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
        {
            List<Answer> own = [];
            while (!cancellation.IsCancellationRequested && Interlocked.Increment(ref next) is var at && at < prompts.Count) own.Add(await send(prompts[at]));
            return own;
        }, CancellationToken.None)));
        return [.. answers.SelectMany(own => own)];
    }

    /// <summary>Requests come at random moments, whether the last ones have been answered or not: a Poisson process, as from many people.</summary>
    /// <param name="rate">Requests a second.</param>
    /// <param name="seed">Decides when.</param>
    /// <param name="prompts">Requests, in order; each is sent once.</param>
    /// <param name="send">Sends one.</param>
    /// <param name="cancellation">Nothing more is sent; what is on its way is waited for.</param>
    internal static async Task<Answer[]> OpenAsync(
        double rate, int seed, IReadOnlyList<ServePrompt> prompts, Func<ServePrompt, Task<Answer>> send, CancellationToken cancellation)
    {
        var random = new Random(seed);
        List<Task<Answer>> sent = [];
        var due = CompletionClient.Now;
        foreach (var prompt in prompts)
        {
            due += -Math.Log(1 - random.NextDouble()) / rate * 1000;
            // Not from the last one's moment: a late one does not make all others later.
            if (due - CompletionClient.Now is > 0 and var wait) await Task.Delay(TimeSpan.FromMilliseconds(wait), cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellation.IsCancellationRequested) break;
            sent.Add(Task.Run(() => send(prompt), CancellationToken.None));
        }
        return await Task.WhenAll(sent);
    }
}

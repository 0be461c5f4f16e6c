using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Serve;

namespace Nixl.Sdk.Bench.Serving;

/// <summary>One of the two that are compared: a router and its engines, and what was measured of them so far.</summary>
internal sealed class ServeSystem : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60), Grace = TimeSpan.FromSeconds(10);

    private readonly ServeCluster _cluster;
    private readonly CompletionClient _client;
    private readonly LiveTimes _times;

    private ServeSystem(ServeCluster cluster)
    {
        (_cluster, _client) = (cluster, new CompletionClient(cluster.Url, Deadline, Grace));
        _times = new LiveTimes(cluster);
    }

    /// <summary>All answers, to be compared at the end.</summary>
    internal List<Answer> Answers { get; } = [];

    internal List<ServeLatencies> Closed { get; } = [];

    internal List<ServeLatencies> Open { get; } = [];

    internal static async Task<ServeSystem> StartAsync(IEnumerable<EngineSpec> engines)
    {
        InlineSockets.InProcess(); // how long the client takes to notice its token is not what is measured
        return new(await ServeCluster.StartAsync(new ClusterOptions { Engines = [.. engines], Blocks = 1024 }, CancellationToken.None));
    }

    /// <summary>One request after the other, each with all processors to itself.</summary>
    internal Task<Answer[]> AloneAsync(IReadOnlyList<ServePrompt> prompts) => KeepAsync(Load.ClosedAsync(1, prompts, SendAsync, CancellationToken.None));

    /// <summary>Several clients, each with one request at a time.</summary>
    internal async Task<ServeLatencies> ClosedAsync(int clients, IReadOnlyList<ServePrompt> prompts) =>
        ServeLatencies.Of(await KeepAsync(Load.ClosedAsync(clients, prompts, SendAsync, CancellationToken.None)));

    /// <summary>Requests at random moments.</summary>
    internal Task<Answer[]> OpenAsync(double rate, int seed, IReadOnlyList<ServePrompt> prompts) =>
        KeepAsync(Load.OpenAsync(rate, seed, prompts, SendAsync, CancellationToken.None));

    /// <summary>Where the time went, of those requests that went through a prefill engine.</summary>
    internal async Task<IReadOnlyList<HandoverParts>> PartsAsync(IReadOnlyCollection<Answer> answers)
    {
        await Task.Delay(TimeSpan.FromSeconds(1)); // the live page is told four times a second
        return [.. answers.Select(answer => HandoverParts.Of(answer, _times.Find(answer))).OfType<HandoverParts>()];
    }

    public async ValueTask DisposeAsync()
    {
        await _times.DisposeAsync();
        _client.Dispose();
        await _cluster.DisposeAsync();
    }

    private Task<Answer> SendAsync(ServePrompt prompt) => _client.CompleteAsync(prompt, stream: true, CancellationToken.None);

    private async Task<Answer[]> KeepAsync(Task<Answer[]> running)
    {
        var answers = await running;
        Answers.AddRange(answers);
        return answers;
    }
}

using System.Diagnostics;
using System.Text.Json;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Weights;

/// <summary>
/// A new engine: its ranks load their shards from a peer, each through an agent of its own, all at once. Then the same from disk, for the
/// time; and one prompt through both, for the logits.
/// </summary>
internal static class NewEngine
{
    private const int BlockTokens = 16;

    /// <returns>0: every byte verified and all logits identical, or loaded from disk with --fallback; 1: logits differ.</returns>
    /// <exception cref="WeightsException">The peer's weights cannot be used, and --fallback was not given.</exception>
    internal static async Task<int> RunAsync(ServingPeer peer, LoadTask task, TextWriter output, CancellationToken cancellation)
    {
        var config = LlamaConfig.Load(Path.Combine(task.Model, "config.json"));
        if (config.ReduceGroups % task.Ranks != 0)
            throw new WeightsException($"--tp {task.Ranks}: a model with {config.KvHeads} key/value heads and an inner width of {config.IntermediateSize} runs on at most {config.ReduceGroups} rank(s).");
        List<LoadStatistics[]> loads = [];
        List<TimeSpan> fromPeer = [], fromDisk = [];
        string? error = null;
        LlamaModel[] shards = [];
        try
        {
            try
            {
                for (var run = 0; run < task.Runs; run++)
                {
                    DisposeAll(shards);
                    (shards, var statistics, var elapsed) = await LoadFromPeerAsync(peer, task, cancellation);
                    loads.Add(statistics);
                    fromPeer.Add(elapsed);
                }
            }
            catch (Exception e) when (task.Fallback && Exits.IsExpected(e))
            {
                shards = [];
                error = e.Message;
                await Console.Error.WriteLineAsync($"error: {e.Message}");
            }
            var whole = LlamaModel.Load(task.Model); // the reference; after it the file is in the page cache
            using (whole)
            {
                for (var run = 0; run < task.Runs; run++)
                {
                    var clock = Stopwatch.StartNew();
                    var loaded = await LoadFromDiskAsync(task, cancellation);
                    fromDisk.Add(clock.Elapsed);
                    if (shards.Length == 0) shards = loaded; // the fallback
                    else DisposeAll(loaded);
                }
                var identical = Identical(shards, whole, task.Prompt, out var compared);
                var report = DemoReport.Create(task, peer.Ready, loads, fromPeer, fromDisk, identical, compared, error);
                report.Print(output);
                if (task.Json) output.WriteLine(JsonSerializer.Serialize(report, WeightsJson.Default.DemoReport));
                return identical ? 0 : Exits.Differs;
            }
        }
        finally
        {
            DisposeAll(shards);
        }
    }

    /// <summary>All ranks at once. The time is that until the last shard is ready, agents and metadata included.</summary>
    internal static async Task<(LlamaModel[] Shards, LoadStatistics[] Statistics, TimeSpan Elapsed)> LoadFromPeerAsync(
        ServingPeer peer, LoadTask task, CancellationToken cancellation)
    {
        var config = LlamaConfig.Load(Path.Combine(task.Model, "config.json"));
        var clock = Stopwatch.StartNew();
        var metadata = await peer.FetchMetadataAsync(task.Timeout, cancellation);
        var loads = Enumerable.Range(0, task.Ranks).Select(rank => Task.Run(
            async () =>
            {
                await using var agent = await NixlAgent.CreateAsync(
                    new NixlAgentOptions { Name = $"new-{Environment.ProcessId}-{rank}", Transports = task.Transport, DefaultTimeout = task.Timeout }, cancellation);
                return await new WeightLoader(agent, new WeightLoaderOptions(task.Timeout, OnTensor: task.OnTensor)).LoadAsync(metadata, config, rank, task.Ranks, cancellation);
            }, cancellation)).ToArray();
        try
        {
            var results = await Task.WhenAll(loads);
            return ([.. results.Select(result => result.Model)], [.. results.Select(result => result.Statistics)], clock.Elapsed);
        }
        catch
        {
            foreach (var load in loads)
                if (load.IsCompletedSuccessfully) (await load).Model.Dispose();
            throw;
        }
    }

    private static Task<LlamaModel[]> LoadFromDiskAsync(LoadTask task, CancellationToken cancellation) =>
        Task.WhenAll(Enumerable.Range(0, task.Ranks).Select(rank => Task.Run(() => LlamaModel.Load(task.Model, rank, task.Ranks), cancellation)));

    /// <summary>The logits after every token of a prompt, computed with the shards and with the whole model from disk, bit for bit.</summary>
    private static bool Identical(LlamaModel[] shards, LlamaModel whole, string prompt, out long compared)
    {
        var tokens = new ByteTokenizer().Encode(prompt);
        if (tokens.Length > whole.Config.MaxPositions) throw new WeightsException($"The prompt has {tokens.Length} tokens; the model was made for {whole.Config.MaxPositions}.");
        float[] ours = Logits(shards, tokens), theirs = Logits([whole], tokens);
        compared = ours.Length;
        return ours.AsSpan().SequenceEqual(theirs) && Array.TrueForAll(ours, float.IsFinite);
    }

    private static float[] Logits(LlamaModel[] models, int[] tokens)
    {
        var blocks = (tokens.Length + BlockTokens - 1) / BlockTokens;
        var caches = models.Select(_ => new KvCacheMemory(models[0].Config.Shard(models.Length), blocks, BlockTokens)).ToArray();
        try
        {
            using var runner = new BatchRunner(models, [.. caches.Select(cache => cache.Cache)], tokens.Length, tokens.Length);
            var batch = new StepBatch();
            batch.AddForAllLogits(tokens, 0, Enumerable.Range(0, blocks).ToArray());
            runner.Run(batch);
            return [.. Enumerable.Range(0, tokens.Length).SelectMany(row => runner.Logits(row).ToArray())];
        }
        finally
        {
            foreach (var cache in caches) cache.Dispose();
        }
    }

    private static void DisposeAll(LlamaModel[] models)
    {
        foreach (var model in models) model.Dispose();
    }
}

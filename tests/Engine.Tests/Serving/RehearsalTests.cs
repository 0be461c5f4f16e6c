using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>What an engine does before it is ready, so that the first request does not pay for it.</summary>
public sealed class RehearsalTests : ILogger
{
    private readonly List<string> _lines = [];

    [SkippableFact]
    public async Task Prompts_are_handed_over_and_nothing_is_left()
    {
        Skip.IfNot(File.Exists(Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libnixlsdk.so")), "the native library is not built");
        using var model = ModelHandle.Load(Path.Combine(AppContext.BaseDirectory, "models", "kjv-bytes"));
        for (var time = 0; time < 2; time++) await Rehearsal.RunAsync(model, ServingBench.Soon, this, default); // its agents' names are free again
        Assert.All(_lines, line => Assert.StartsWith("Information: Warm after", line, StringComparison.Ordinal));
        Assert.Equal(2, _lines.Count);
    }

    [Fact]
    public async Task Without_it_the_engine_starts_all_the_same_unless_that_is_cancelled()
    {
        using var model = ModelHandle.Load(Path.Combine(AppContext.BaseDirectory, "models", "kjv-bytes"));
        await Rehearsal.RunAsync(model, TimeSpan.FromTicks(1), this, default);
        Assert.StartsWith("Warning: The way of a request could not be warmed up", Assert.Single(_lines), StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Rehearsal.RunAsync(model, ServingBench.Soon, this, new CancellationToken(canceled: true)));
    }

    [SkippableFact]
    public async Task A_model_that_has_no_room_for_it_starts_all_the_same()
    {
        Skip.IfNot(File.Exists(Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libnixlsdk.so")), "the native library is not built");
        var folder = Directory.CreateTempSubdirectory("nixl-model-");
        try
        {
            foreach (var file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "models", "kjv-bytes"))) File.Copy(file, Path.Combine(folder.FullName, Path.GetFileName(file)));
            var config = Path.Combine(folder.FullName, "config.json");
            var json = JsonNode.Parse(await File.ReadAllTextAsync(config))!;
            json["max_position_embeddings"] = 32;
            await File.WriteAllTextAsync(config, json.ToJsonString());
            using var model = ModelHandle.Load(folder.FullName);
            Assert.Equal(32, model.Config.MaxPositions);
            await Rehearsal.RunAsync(model, ServingBench.Soon, this, default);
            Assert.StartsWith("Warning: The way of a request could not be warmed up", Assert.Single(_lines), StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => _lines.Add($"{logLevel}: {formatter(state, exception)}");
}

using System.CommandLine;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Weights;

/// <summary>Options that several commands have.</summary>
internal sealed class CommonOptions
{
    internal Option<string?> Model { get; } = new("--model") { Description = "Folder with config.json and model.safetensors. [the one that comes with the program]" };

    internal Option<string> Transport { get; } = new("--transport")
    {
        Description = "What carries the weights: local (two processes of one machine), fabric (libfabric) or loopback (both engines in one process).",
        DefaultValueFactory = _ => "local",
    };

    internal Option<double> Timeout { get; } = new("--timeout") { Description = "Deadline of every single wait, in seconds.", DefaultValueFactory = _ => 60 };

    internal CommonOptions()
    {
        Transport.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, "local", "fabric", "loopback");
        Timeout.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (> 0 and <= 86_400)) result.AddError("--timeout must be more than 0 and at most 86400 seconds.");
        });
    }

    /// <summary>For engines that are alone in their process: nobody else could reach them by loopback.</summary>
    internal void RefuseLoopback() => Transport.Validators.Add(result =>
    {
        if (string.Equals(result.GetValueOrDefault<string>(), "loopback", StringComparison.OrdinalIgnoreCase))
            result.AddError("--transport loopback reaches nobody outside of this process; use local or fabric, or demo, which has both engines in one.");
    });

    internal void AddTo(Command command)
    {
        foreach (var option in (ReadOnlySpan<Option>)[Model, Transport, Timeout]) command.Add(option);
    }

    internal string ModelOf(ParseResult parse) => parse.GetValue(Model) ?? Path.Combine(AppContext.BaseDirectory, "models", "kjv-bytes");

    internal NixlTransports TransportOf(ParseResult parse) => Enum.Parse<NixlTransports>(parse.GetValue(Transport)!, ignoreCase: true);

    internal TimeSpan TimeoutOf(ParseResult parse) => TimeSpan.FromSeconds(parse.GetValue(Timeout));
}

/// <summary>Options of a new engine.</summary>
internal sealed class LoadOptions
{
    internal Option<int> Ranks { get; } = new("--tp") { Description = "Tensor parallelism of the new engine: 1, 2 or 4 ranks, each with an agent of its own.", DefaultValueFactory = _ => 1 };

    internal Option<int> Runs { get; } = new("--runs") { Description = "Loads in a row; the first and the best are shown.", DefaultValueFactory = _ => 3 };

    internal Option<string> Prompt { get; } = new("--prompt") { Description = "The prompt whose logits are compared.", DefaultValueFactory = _ => "In the beginning God created" };

    internal Option<bool> Fallback { get; } = new("--fallback") { Description = "If the peer's weights cannot be had, say why and load from disk." };

    internal Option<bool> Json { get; } = new("--json") { Description = "The last line of stdout is one JSON object." };

    internal LoadOptions()
    {
        Ranks.AcceptOnlyFromAmong("1", "2", "4");
        Runs.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 1000) result.AddError("--runs must be from 1 to 1000.");
        });
    }

    internal void AddTo(Command command)
    {
        foreach (var option in (ReadOnlySpan<Option>)[Ranks, Runs, Prompt, Fallback, Json]) command.Add(option);
    }

    internal LoadTask TaskOf(ParseResult parse, CommonOptions common, string model) => new(
        model, common.TransportOf(parse), parse.GetValue(Ranks), parse.GetValue(Runs), parse.GetValue(Prompt)!, parse.GetValue(Fallback), parse.GetValue(Json),
        common.TimeoutOf(parse));
}

/// <summary>What a new engine is to do.</summary>
internal sealed record LoadTask(
    string Model, NixlTransports Transport, int Ranks, int Runs, string Prompt, bool Fallback, bool Json, TimeSpan Timeout)
{
    /// <summary>Called for each tensor that has come and is verified; from any thread.</summary>
    internal Action<WeightTensor>? OnTensor { get; init; }
}

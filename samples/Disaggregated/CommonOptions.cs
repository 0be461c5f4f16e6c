using System.CommandLine;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Options that several commands have.</summary>
internal sealed class CommonOptions
{
    internal Option<string?> Model { get; } = new("--model") { Description = "Folder with config.json and model.safetensors. [the one that comes with the program]" };

    internal Option<string> Transport { get; } = new("--transport")
    {
        Description = "What carries the KV cache: local (two processes of one machine), fabric (libfabric) or loopback (both engines in one process).",
        DefaultValueFactory = _ => "local",
    };

    internal Option<int> Blocks { get; } = Positive("--blocks", "Blocks of an engine's pool.", 512);

    internal Option<int> Seed { get; } = new("--seed") { Description = "Decides in which order blocks are handed out.", DefaultValueFactory = _ => 1 };

    internal Option<double> Timeout { get; } = Seconds("--timeout", "Deadline of every single wait, in seconds.", 60);

    internal Option<bool> Verbose { get; } = new("--verbose") { Description = "Engines log to stderr what they do." };

    internal CommonOptions()
    {
        Transport.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, "local", "fabric", "loopback");
    }

    internal void AddTo(Command command)
    {
        foreach (var option in (ReadOnlySpan<Option>)[Transport, Model, Blocks, Seed, Timeout, Verbose]) command.Add(option);
    }

    internal string ModelOf(ParseResult parse) => parse.GetValue(Model) ?? Path.Combine(AppContext.BaseDirectory, "models", "kjv-bytes");

    internal NixlTransports TransportOf(ParseResult parse) => Enum.Parse<NixlTransports>(parse.GetValue(Transport)!, ignoreCase: true);

    internal int SeedOf(ParseResult parse) => parse.GetValue(Seed);

    internal TimeSpan TimeoutOf(ParseResult parse) => TimeSpan.FromSeconds(parse.GetValue(Timeout));

    internal static Option<double> Seconds(string name, string description, double value)
    {
        var option = new Option<double>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (> 0 and <= 86_400)) result.AddError($"{name} must be more than 0 and at most 86400 seconds.");
        });
        return option;
    }

    internal static Option<int> Positive(string name, string description, int value, int limit = 1 << 20)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1 || result.GetValueOrDefault<int>() > limit) result.AddError($"{name} must be from 1 to {limit}.");
        });
        return option;
    }
}

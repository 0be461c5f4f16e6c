using System.CommandLine;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary>Options that several commands have.</summary>
internal sealed class CommonOptions
{
    internal const int DefaultBlocks = 256;

    internal Option<string?> Draft { get; } = new("--draft-model") { Description = "Folder of the draft model. [the one that comes with the program]" };

    internal Option<string> Transport { get; } = new("--transport")
    {
        Description = "What carries candidates and cache: local (two processes of one machine), fabric (libfabric) or loopback (both engines in one process).",
        DefaultValueFactory = _ => "local",
    };

    internal Option<int> Seed { get; } = new("--seed") { Description = "Decides in which order blocks are handed out.", DefaultValueFactory = _ => 1 };

    internal Option<double> Timeout { get; } = new("--timeout") { Description = "Deadline of every single wait, in seconds.", DefaultValueFactory = _ => 60 };

    internal CommonOptions()
    {
        Transport.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, "local", "fabric", "loopback");
        Timeout.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (> 0 and <= 86_400)) result.AddError("--timeout must be more than 0 and at most 86400 seconds.");
        });
    }

    internal void AddTo(Command command)
    {
        foreach (var option in (ReadOnlySpan<Option>)[Draft, Transport, Seed, Timeout]) command.Add(option);
    }

    internal string DraftOf(ParseResult parse) => parse.GetValue(Draft) ?? Folder("kjv-draft");

    internal NixlTransports TransportOf(ParseResult parse) => Enum.Parse<NixlTransports>(parse.GetValue(Transport)!, ignoreCase: true);

    internal TimeSpan TimeoutOf(ParseResult parse) => TimeSpan.FromSeconds(parse.GetValue(Timeout));

    internal static string Folder(string model) => Path.Combine(AppContext.BaseDirectory, "models", model);

    internal static Option<int> Range(string name, string description, int value, int low, int high)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < low || result.GetValueOrDefault<int>() > high) result.AddError($"{name} must be from {low} to {high}.");
        });
        return option;
    }
}

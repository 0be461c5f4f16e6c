using Microsoft.Extensions.Options;

namespace Nixl.Sdk.Hosting;

/// <summary>Checks what no attribute can say: values against each other, keys, and everything that the agent itself demands.</summary>
internal sealed class NixlOptionsConsistency : IValidateOptions<NixlOptions>
{
    public ValidateOptionsResult Validate(string? name, NixlOptions options)
    {
        if (options.Metadata is null || options.Parallel is null || options.Serving is null)
            return ValidateOptionsResult.Skip; // the attributes report it
        var problems = new List<string>();
        if (options.Parallel.TpRank >= options.Parallel.Tp)
            problems.Add($"Parallel.TpRank {options.Parallel.TpRank} must be smaller than Parallel.Tp {options.Parallel.Tp}.");
        if (options.Parallel.PpRank >= options.Parallel.Pp)
            problems.Add($"Parallel.PpRank {options.Parallel.PpRank} must be smaller than Parallel.Pp {options.Parallel.Pp}.");
        if (options.Metadata.Lifetime is { } lifetime && lifetime <= TimeSpan.Zero)
            problems.Add($"Metadata.Lifetime {lifetime} must be positive; leave it out for no expiry.");
        if (options.Metadata.ClockSkew < TimeSpan.Zero)
            problems.Add($"Metadata.ClockSkew {options.Metadata.ClockSkew} must not be negative.");
        if (KeyReader.Check("Metadata", options.Metadata.Key, options.Metadata.KeyFile) is { } problem)
            problems.Add(problem);
        problems.AddRange(options.Serving.Problems());
        foreach (var (engine, ranks) in options.Peers)
        {
            if (ranks is not { Length: > 0 }) problems.Add($"Peers:{engine} names no agent; give the agents of all ranks of that engine.");
            else if (ranks.Distinct(StringComparer.Ordinal).Count() < ranks.Length) problems.Add($"Peers:{engine} names an agent twice.");
            foreach (var agent in ranks ?? [])
            {
                if (!NixlAgentOptions.IsValidName(agent)) problems.Add($"Peers:{engine}: '{agent}' is not an agent name.");
                else if (agent == options.Name) problems.Add($"Peers:{engine}: '{agent}' is this agent itself.");
            }
        }
        problems.AddRange(NixlOptionsMapping.ToAgentOptions(options, key: default).Validate());
        return problems.Count == 0
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(problems.Select(text => $"Nixl:{name}: {text}"));
    }
}

using System.ComponentModel.DataAnnotations;

namespace Nixl.Sdk.Hosting;

/// <summary>Which weights the caches belong to; becomes a <see cref="ModelIdentity"/>.</summary>
/// <remarks>Not thread-safe while being filled; only read once the host has started.</remarks>
public sealed class NixlModelOptions
{
    /// <summary>The model's name.</summary>
    [Required]
    [StringLength(512, MinimumLength = 1)]
    public string Name { get; set; } = "";

    /// <summary>A revision or a hash of the weights: two fine-tunes have different ones.</summary>
    [Required]
    [StringLength(512, MinimumLength = 1)]
    public string Revision { get; set; } = "";

    /// <summary>How positions are scaled. [none]</summary>
    [Required]
    [StringLength(512, MinimumLength = 1)]
    public string RopeScaling { get; set; } = "none";

    internal ModelIdentity ToIdentity() => new(Name, Revision, RopeScaling);
}

using System.Globalization;

namespace Nixl.Sdk.Serving;

/// <summary>
/// Names the content of a full block: its tokens, all tokens before them, the model and the salt. Half of a SHA-256, so that nobody can
/// make two prompts collide. Made by <see cref="BlockHasher"/>.
/// </summary>
/// <param name="High">The first 64 bits.</param>
/// <param name="Low">The next 64 bits.</param>
public readonly record struct BlockHash(ulong High, ulong Low)
{
    /// <summary>32 hexadecimal digits.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{High:x16}{Low:x16}");
}

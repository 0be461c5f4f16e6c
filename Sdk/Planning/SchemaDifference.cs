namespace Nixl.Sdk.Planning;

/// <summary>One field in which two layouts differ.</summary>
/// <param name="Field">The field, for example <c>kv.component Key</c>.</param>
/// <param name="Local">Its value on this side, or <c>(none)</c>.</param>
/// <param name="Remote">Its value on the other side, or <c>(none)</c>.</param>
/// <param name="IsContent">True if the field must be equal; false if it is placement.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
readonly record struct SchemaDifference(string Field, string Local, string Remote, bool IsContent)
{
    /// <summary>The value of a field that one side does not have.</summary>
    public const string Absent = "(none)";

    /// <summary>Field, here and there.</summary>
    public override string ToString() => Field + ": " + Local + " here, " + Remote + " there";
}

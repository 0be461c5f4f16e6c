namespace Nixl.Sdk;

/// <summary>The type of one element of a KV component. Types without a CLR counterpart (bf16, fp8) are raw bytes here.</summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
enum ElementType
{
    /// <summary>Not set. Never valid in a layout.</summary>
    None = 0,

    /// <summary>IEEE 754 single precision, 4 bytes.</summary>
    Float32,

    /// <summary>IEEE 754 half precision, 2 bytes.</summary>
    Float16,

    /// <summary>bfloat16, 2 bytes.</summary>
    BFloat16,

    /// <summary>8-bit float, 4 exponent and 3 mantissa bits, 1 byte.</summary>
    Fp8E4M3,

    /// <summary>8-bit float, 5 exponent and 2 mantissa bits, 1 byte.</summary>
    Fp8E5M2,

    /// <summary>8-bit power-of-two scale, 1 byte.</summary>
    Fp8E8M0,

    /// <summary>Signed 8-bit integer.</summary>
    Int8,

    /// <summary>Unsigned 8-bit integer; also for packed 4-bit values (two a byte).</summary>
    UInt8,

    /// <summary>Signed 16-bit integer.</summary>
    Int16,

    /// <summary>Signed 32-bit integer.</summary>
    Int32,

    /// <summary>Signed 64-bit integer.</summary>
    Int64,
}

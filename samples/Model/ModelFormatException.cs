namespace Nixl.Sdk.Samples.Model;

/// <summary>A model's files are not what they should be; the message names the file, the field or tensor, and what was found.</summary>
public sealed class ModelFormatException : Exception
{
    /// <summary>Creates the exception without a message.</summary>
    public ModelFormatException()
    {
    }

    /// <summary>Creates the exception with what is wrong.</summary>
    public ModelFormatException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with what is wrong and its cause.</summary>
    public ModelFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
